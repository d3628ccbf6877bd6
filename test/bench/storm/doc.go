// Package storm plays a storm of 2,000 alerts, which begin within a minute, to a guardian with the fakes
// of four messengers as its receivers, once undisturbed and once killed fifty times meanwhile. It has
// benchmarks only: `make bench-storm`.
package storm
