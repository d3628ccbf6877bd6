// Package chat is what the fakes of chat services have in common: it counts calls, plays
// faults, keeps what was accepted, and runs a fake by itself.
//
// It knows no vendor: their rules are in the packages below it. Start at Server and Main.
package chat
