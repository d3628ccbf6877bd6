// Package actions changes the world outside: it runs runbooks, step by step, each at most
// once per intent.
//
// A Run is one execution of a Runbook with its trigger; Engine.Advance takes it from where it
// stands to where it must wait or ends, and records every intent before it acts and every
// outcome after, in a Ledger that it is given. Guards decide beforehand whether a run may
// be: they are a pure function of facts and a time. What happened between an intent and a
// crash is asked of the world (Step.Ask) and else of a person, never silently repeated.
//
// A kind of step is one file with its settings, their defaults and checks, and one line in
// Builtin; it passes the suite in actiontest. The docker step is spread over docker*.go: what
// is done, what a re-created container keeps, how it is undone, and the engine's API.
//
// It knows no deploys, checks or messages, and imports nothing of ours but internal/secret.
// Start at Engine.Advance.
package actions
