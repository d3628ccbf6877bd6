// Package config loads guardian.yaml: strictly, reporting all mistakes at once, each with file,
// line and a hint such as the nearest known key.
//
// Load is what both `guardian check` and `guardian serve` call, so that a file that checks
// will start. Loading has no side effects beyond reading the files and environment
// variables that the configuration names. Start at Load.
package config
