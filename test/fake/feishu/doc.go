// Feishu runs the fake of Feishu's robots by itself: go run ./test/fake/feishu.
//
// It prints the address that a receiver is configured with, and each call. It checks nothing
// itself: the vendor's rules are in test/fake/chat/feishu.
package main
