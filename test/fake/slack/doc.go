// Package slack is a fake of Slack's incoming webhooks: one message a
// second with short bursts and 429 with Retry-After beyond, the limits of Block Kit, and
// errors and successes as plain text.
//
// It is for tests and demonstrations, without network. Start at New.
package slack
