// Package world simulates a shop with its deploys, outages and hooks, and a guardian that watches
// it, in simulated time: hours take milliseconds, and a world is the same for the same seed. The
// guardian decides with packages decide and watch as the service does; the past is in memory, and
// what goes wrong is drawn. It serves the benchmark of the judge, the scenarios and the property
// tests. Start at World and Play.
package world
