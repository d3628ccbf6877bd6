// Package feishu is a fake of Feishu's and Lark's custom bots: it checks signatures in the body,
// keywords and sizes, allows 100 messages a minute and 5 a second, and reports errors as code in
// the body of an HTTP 200, or of a 400 for the rate limit.
//
// It is for tests and demonstrations, without network. Start at New.
package feishu
