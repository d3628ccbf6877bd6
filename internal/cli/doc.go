// Package cli is the command line: flags in, one call, exit code out. Start at Main.
package cli
