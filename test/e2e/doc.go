// Package e2e runs the real binary with real servers and asserts what its users would see: bad
// deploys are rolled back, people are notified and the rollback is verified, also when processes
// are killed or paused or lose their network meanwhile. It has tests only. Start at guardian_test.go.
package e2e
