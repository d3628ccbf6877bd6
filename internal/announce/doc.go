// Package announce turns facts (alerts, verdicts, runs, blindness) into notices in words,
// in Chinese and English.
//
// Every function takes facts and a language and gives a notifiers.Notice. It will not
// route or send. Start at Teller.
package announce
