// Slack runs the fake of Slack's messages by itself: go run ./test/fake/slack.
//
// It prints the address that a receiver is configured with, and each call. It checks nothing
// itself: the vendor's rules are in test/fake/chat/slack.
package main
