// Package storm lets many alerts begin at once at a real guardian, whose receivers are the fakes of four
// messengers, kills it meanwhile if it is told to, and finds out from the messages and the journal
// what people were told. Start at Run.
package storm
