// Package slack is a fake of Slack's incoming webhooks and of the part of its Web API that posts
// and updates messages: one message a second with short bursts and 429 with Retry-After beyond,
// the limits of Block Kit, and each interface's own way to report errors: plain text, or HTTP 200
// with "ok": false.
//
// It is for tests and demonstrations, without network. Start at New.
package slack
