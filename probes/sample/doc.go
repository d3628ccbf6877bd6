// Package sample holds the nouns that looks are made of: Health, Observation and Sample.
//
// It has no behaviour beyond printing and parsing, imports nothing of ours, and is
// imported by everything that decides. It will not look at anything (probes), nor store
// anything (internal/series, internal/store). Start at Health.
package sample
