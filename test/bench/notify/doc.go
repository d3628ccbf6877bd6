// Package notify measures how long people wait for a message: from the sample that makes an alert
// fire to the acceptance of the message by a webhook, of a guardian alone and beside Prometheus
// with its Alertmanager. And it plays a restart in the middle of long alerts to both. It has
// benchmarks only: `make bench-notify` and `make bench-restart`.
package notify
