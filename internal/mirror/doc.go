// Package mirror keeps a table of the journal in memory, for readers who must not wait for the journal
// or do without it: all of it is read again and again, because another guardian may have written it.
//
// It knows neither what the rows are nor how the journal keeps them. Start at Mirror.
package mirror
