// Package exec is the kind of step that runs a program on the guardian's own machine.
package exec
