// Package rig serves tests of the real binary: it builds the program, runs it as a process and
// calls its API. It asserts nothing about what a guardian decides. Start at New.
package rig
