// Package history is the past of a running guardian as its decisions see it: the journal, the
// series, and what is not written to either yet. It implements decide.Past and decides
// nothing. Start at History.
package history
