// Dingtalk runs the fake of DingTalk's robots by itself: go run ./test/fake/dingtalk.
//
// It prints the address that a receiver is configured with, and each call. It checks nothing
// itself: the vendor's rules are in test/fake/chat/dingtalk.
package main
