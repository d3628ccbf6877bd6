// Package ingest takes samples that others write: Prometheus remote write, 1.0 and 2.0.
//
// It takes only metrics that were declared, none that the guardian makes itself, and
// nothing that would cost more memory than a request may. What it takes it hands to the
// series in one transaction; it keeps no queue, so an answer of success means written. It
// neither evaluates nor tells. Start at Receiver.
package ingest
