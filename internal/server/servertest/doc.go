// Package servertest states what the server's interfaces promise: every back end, the real
// one and the doubles of tests, must pass Run.
//
// It knows promises that a handler or a page relies on, and no HTTP. Start at Run.
package servertest
