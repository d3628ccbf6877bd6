// Package sshd starts OpenSSH's server for tests: on a free port, for the user who runs the tests, with
// keys of its own.
//
// Only tests import it. Start at Start.
package sshd
