// Package port gives servers that tests start by number a port that stays free until they
// listen, and again each time they are started anew. Start at port.go.
package port
