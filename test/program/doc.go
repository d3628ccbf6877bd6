// Package program compiles the programs that tests run, and makes `go test` run such a test again
// when the program's sources have changed. Start at program.go.
package program
