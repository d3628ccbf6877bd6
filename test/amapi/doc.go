// Package amapi tests a guardian's Alertmanager API with the programs that use it: amtool and a real
// Prometheus, and with the API part of Alertmanager's own acceptance tests, told in our words.
//
// It has tests only.
package amapi
