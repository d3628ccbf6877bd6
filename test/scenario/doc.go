// Package scenario plays what deploys meet in a year, each as a script on the real binary with
// a simulated shop: a healthy deploy, an outage, orders that get lost, a dependency that
// fails, a cut network. Each has the verdict that it must get; the time to it is printed
// (`make scenarios`), never asserted. One second here is a minute there: checks look every
// quarter of a second instead of each 15 s, and a watch lasts 30 s instead of half an hour. It
// has tests only. Start at scenario_test.go.
package scenario
