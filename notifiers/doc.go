// Package notifiers delivers notices to messengers and makes sure that they arrive.
//
// A Notice is already in words; a Channel renders it for one kind of messenger, within that
// messenger's limits, and says what the messenger's answer means. A Dispatcher takes
// notices from an outbox that survives a crash, in order per key, within each receiver's
// budget, retries what can be retried, and says when it gives up. Delivered means that the
// channel said so in its body.
//
// It does not know what an alert, a deploy or a rollback is. Start at Dispatcher.
package notifiers
