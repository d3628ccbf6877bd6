// Package dingtalk is a server that behaves like DingTalk's custom robots: it checks
// signatures, keywords and sizes, counts 20 messages a minute and then punishes for ten,
// and says every error in the body of an HTTP 200.
//
// It is for tests and demonstrations, without network. Start at New.
package dingtalk
