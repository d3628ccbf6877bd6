// Package program compiles the programs that tests run, so that `go test` knows what their
// results hang on. Start at program.go.
package program
