// Package rulesource asks Prometheus-compatible servers that answer rules and counters in
// place of the guardian's own series. An answer that is not whole is an error: what is not
// known must neither fire nor resolve an alert. Start at Source.
package rulesource
