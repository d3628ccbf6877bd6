// Package api answers what the server asks: New gives a server.Backend over the journal, the
// series, the record of what the checks saw, and the watches, runs and alerts of the leadership.
//
// There is one small adapter for each part of the back end, in a file that is named after it.
// An adapter reads, or hands on what a caller asks for, and converts: facts to what the API
// shows, requests to what the other packages take, their errors to those of the API. What only
// the leader may do is server.ErrStandby elsewhere.
//
// It decides nothing: that is done in decide, watch and sla, which take everything they need as
// arguments. It serves no HTTP, which package server does, and has no loop of its own.
// Start at New.
package api
