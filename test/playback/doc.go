// Package playback gives tests a program that they cannot have everywhere: the real one, whose runs are
// recorded, or a player of such a recording.
//
// A recording names the program's version. One of another version than the pinned one fails its test, and so
// does a run that was not recorded. A run that only asks may be repeated, and gets the last answer again; any
// other is played once. Times are recorded, too: a test that compares them with what the program says takes
// them from the tape.
//
// Only tests import it. Start at Open; what stands in for the program is in player.
package playback
