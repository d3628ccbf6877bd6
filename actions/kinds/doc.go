// Package kinds lists the kinds of steps that the guardian comes with. Each is a package of its own
// beside it; a new kind is one line in Builtin.
package kinds
