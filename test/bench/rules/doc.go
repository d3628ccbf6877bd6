// Package rules measures what the evaluation of rules costs: of a guardian compared with a
// Prometheus that gets the same samples and evaluates the same rules, and how many queries checks
// cause by their looks. It has benchmarks only: `make bench-rules`.
package rules
