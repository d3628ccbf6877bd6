// Package answers is what test/hostile's writer, a process of its own, says on its standard output.
package answers
