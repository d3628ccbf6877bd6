// Package hostile attacks a guardian's process while it does its work: a program writes series without end
// and of every kind by remote write, forty queries ask for everything at once, and thousands of connections
// do nothing or read a byte a second. The program is a process of its own, test/hostile/flood. It measures what
// the work suffers: how soon people hear of checks that are down, and of a bad deploy, without the attack and
// with it. Start at hostile.go; it runs in full by `make bench-hostile`, and small among the end-to-end tests.
package hostile
