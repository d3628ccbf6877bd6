// Package wecom is a fake of WeCom's group robots (企业微信群机器人): it knows the robot by its key
// alone, allows 20 messages a minute, counts the bytes of a message's content, and reports every
// error in the body of an HTTP 200.
//
// It is for tests and demonstrations, without network. Start at New.
package wecom
