// Package compliance has the cases by which the guardian's alerts are held against those of Prometheus:
// samples, step by step, and what the API shows and an Alertmanager is sent at each. They cover what
// Prometheus' compliance suite for alert generators covers, and more that people see.
//
// The guardian is played them in internal/app, Prometheus' own rules in test/promtool. Start at Cases.
package compliance
