// Package process starts the programs that tests run, so that they end with the test's own
// process however it ends, and gives folders that the next run removes when it was killed.
// Start at process.go.
package process
