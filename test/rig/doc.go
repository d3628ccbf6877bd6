// Package rig is what tests of the real binary stand on: it builds the program, runs it as a
// process of its own and reads its API. It asserts nothing of what a guardian decides. Start
// at New.
package rig
