// Package ssh is the kind of step that runs a program on another machine by SSH, as kind exec does
// on the guardian's own.
//
// How machines and the guardian prove who they are is in actions/sshconn. Start at Kind.
package ssh
