// Package receivers builds a configuration's receivers: their channels and templates, the links and
// buttons by which readers act, and the connections by which clicks and commands come back.
//
// It sends nothing: the dispatcher of package notifiers does. What a click or a command may do is
// decided by internal/chatops and done by internal/server. Start at Build and Connect.
package receivers
