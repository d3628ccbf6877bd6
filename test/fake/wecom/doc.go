// Wecom runs the fake of WeCom's robots by itself: go run ./test/fake/wecom.
//
// It prints the address that a receiver is configured with, and each call. It checks nothing
// itself: the vendor's rules are in test/fake/chat/wecom.
package main
