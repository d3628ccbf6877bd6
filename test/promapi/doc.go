// Package promapi runs a real Prometheus for tests, and holds the tests that a guardian
// answers as Prometheus does and that the two work together.
//
// It will not be imported by anything but tests. Start at Start.
package promapi
