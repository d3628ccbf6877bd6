// Package app makes the process: it builds everything from a configuration, starts the loops of
// those who have some, and takes it all down again in reverse order.
//
// New builds and binds, Start starts, Reload swaps, Stop ends. Here, and only here, one package
// is given another as what its interface asks for; nothing is decided here. Start at New, then
// read App for the parts, buildRooms for how they hang together, and leading for what lives
// while this guardian leads.
package app
