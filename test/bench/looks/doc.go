// Package looks measures what looking costs: a whole guardian with 10,000 HTTP checks, and, on
// the same targets in the same run, one beside Prometheus with its blackbox exporter. It has
// benchmarks only, of the real programs as processes of their own: `make bench-looks`.
package looks
