// Package dingtalk is a fake of DingTalk's custom robots: it checks signatures, keywords and
// sizes, allows 20 messages a minute and after that refuses all for ten minutes, and reports
// every error in the body of an HTTP 200.
//
// It is for tests and demonstrations, without network. Start at New.
package dingtalk
