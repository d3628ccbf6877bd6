// Package sla makes the report that a manager can trust of facts from the journal.
//
// Build is a pure function of Facts and a month. Blind time is neither up nor down and is
// shown apart, and so is announced maintenance. It will not query, render or store.
// Start at Build.
package sla
