-- Prints what went wrong, and leaves a little time between two requests of a connection.
function delay() return 4 end

function done(summary)
   local e = summary.errors
   print(string.format("failed connect=%d read=%d write=%d status=%d timeout=%d of %d",
      e.connect, e.read, e.write, e.status, e.timeout, summary.requests))
end
