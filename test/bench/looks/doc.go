// Package looks measures the cost of looks: of a guardian process with 10,000 HTTP checks, and of a
// guardian compared with Prometheus and its blackbox exporter on the same targets. It has
// benchmarks only: `make bench-looks`.
package looks
