// Command guardian watches what a marketplace team ships and puts the last good version back.
package main

import (
	"os"

	"guardian/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
