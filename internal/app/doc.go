// Package app makes the process: it builds everything from a configuration, owns the loops,
// and takes it all down again in reverse order.
//
// New builds and binds, Start starts, Reload swaps, Stop ends. Here, and only here, facts of
// one package become the business of another: samples feed series, rules and watches,
// verdicts and alerts become runs and notices. What the pages and the API ask is answered by
// package api, which is given everything here. Start at New.
package app
