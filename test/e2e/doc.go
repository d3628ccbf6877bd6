// Package e2e runs the real binary among real servers and asserts what its users would see:
// deploys that are rolled back, told and proven, whatever is killed, paused or cut off
// meanwhile. It has tests only. Start at guardian_test.go.
package e2e
