// Package scenario plays typical deploys of a year, each as a script on the real binary with a
// simulated shop: a healthy deploy, an outage, lost orders, a failing dependency, a cut network.
// Each must get the expected verdict; the time to it is printed (`make scenarios`), not asserted.
// A second stands for a minute: checks look every quarter of a second instead of every 15 s, and a
// watch lasts 30 s instead of half an hour. It has tests only. Start at scenario_test.go.
package scenario
