// Package chatops decides what people may do about alerts from the message that told them: it signs
// the links of a message, reads them when they are followed, and says what a request may do now.
//
// It does not acknowledge, silence, send or store: package api does, with Decide. A link permits to
// acknowledge or to silence, and nothing else. Start reading at Request and Decide.
package chatops
