// Package actiontest is the contract of actions.Step as a test suite: every kind of step
// passes it.
//
// It has no targets of its own: each kind's test sets one up, as a server, a directory or an
// engine. Nothing but tests imports it. Start at Run.
package actiontest
