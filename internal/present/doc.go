// Package present knows how things are now, as decisions of the service see it: the health of
// checks, network paths that are cut off, open alerts, what counters stand at, and since when a
// version runs. For runs it tells whether what made them necessary is over.
//
// It asks those who know and decides nothing; package history is its counterpart for the past.
// Start at Present.
package present
