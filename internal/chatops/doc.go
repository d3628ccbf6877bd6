// Package chatops decides what people may do about alerts from a chat: it signs the links of a
// message, reads them when they are followed, and says what a request may do now. It reads the
// commands that people write, too.
//
// It does not acknowledge, silence, send or store: package api does, with Decide. From a chat one may
// acknowledge and silence, and nothing else. Start reading at Request and Decide, or at Command.
package chatops
