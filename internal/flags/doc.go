// Package flags keeps kill switches: feature flags that the sellers' own jobs read, such as one
// that pauses price writes while prices are wrong.
//
// The configuration says which flags there are (Settings). A Change sets one to a variant for a
// time; the journal keeps the last change of each. Evaluate, which is pure, gives what a flag is
// now: its default unless a change holds. A Board answers readers from memory, follows the journal,
// and writes changes through a function of its owner.
//
// It knows neither runs nor HTTP: the step kind flag and the API call the Board. Start at Board.
package flags
