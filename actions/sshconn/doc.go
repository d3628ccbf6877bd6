// Package sshconn connects steps to machines by SSH: the machine proves itself by a known_hosts
// file, and the guardian by a key of its own or of an agent. No host is trusted at first sight, and
// nothing is read of the configuration in a user's home.
//
// It runs nothing on the machine: that is for the kinds of steps. Start at Login.Dial.
package sshconn
