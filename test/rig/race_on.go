//go:build race

package rig

// RaceEnabled builds the binary under test with the race detector when the tests have it.
const RaceEnabled = true
