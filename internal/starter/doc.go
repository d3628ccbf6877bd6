// Package starter writes the first configuration of a new user from a few answers: one service, one
// check, one receiver, and how to put the last good version back. What it writes is complete: it
// loads without mistakes, alerts by the built-in rules, and can roll back.
package starter
