// Package recording keeps what the checks saw: in memory for pages, rules and watches, and, while
// this guardian leads, in the journal for the report and for whoever leads next.
//
// A Record has for each check its health, since when, whether it is blind, its recent results,
// and how its failures behave when they are rechecked. Every guardian has one, from its own looks.
//
// A Writer belongs to one leadership. Twice a second it saves what is new as one log of looks, so
// that the intervals, rollups and watches made of them need to be saved whole only when they turn
// and else every half minute. Each hour it removes what is old and announces maintenance windows.
//
// It decides nothing and tells nobody. Start at Record.Add and Writer.Save.
package recording
