// Package ingest receives samples and exemplars by Prometheus remote write, 1.0 and 2.0.
//
// It accepts only metrics that the configuration declares, and none that the guardian makes
// itself. The memory of a request is bounded. Samples are appended to the series in one
// transaction without a queue, so that a success means they are stored. It evaluates no rules.
// Start at Receiver.
package ingest
