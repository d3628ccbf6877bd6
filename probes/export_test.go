package probes

// ParsePlugin is for the fuzz test: through a process it would be a thousand times slower.
var ParsePlugin = parsePlugin
