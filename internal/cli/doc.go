// Package cli holds the commands: it reads flags, makes one call and sets the exit code.
// Start at Main.
package cli
