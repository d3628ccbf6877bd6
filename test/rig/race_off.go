//go:build !race

package rig

// RaceEnabled tells whether the tests, and so the binary under test, have the race detector.
const RaceEnabled = false
