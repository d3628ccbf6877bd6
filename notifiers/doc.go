// Package notifiers delivers notices to messengers, at least once.
//
// A Notice is finished text in one language. A Channel renders it for one kind of messenger,
// within that messenger's limits, and interprets the messenger's answer. A Dispatcher takes
// notices from a durable outbox, in order per key and within each receiver's rate limit,
// retries failed calls, fails over to another receiver, and reports what it gives up. A
// notice counts as delivered only when the messenger confirms it in the body of its answer.
//
// It does not know what an alert, a deploy or a rollback is. Start at Dispatcher.
package notifiers
