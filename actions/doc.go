// Package actions runs runbooks: it is the part of the guardian that changes services, step
// by step, each step at most once per intent.
//
// A Run is one execution of a Runbook with its trigger. Engine.Advance works on it until it
// must wait or is over, and records every intent before the step and every outcome after it
// in a Ledger. Guards decide beforehand whether a run may start: they are a pure function of
// facts and a time. When a crash leaves an intent without an outcome, the step's target is
// asked whether it happened (Step.Status), and else a person: a step is never repeated
// silently.
//
// A kind of step is a package beside this one with its settings, their defaults and checks, and one
// line in package kinds; it passes the suite in actiontest. Templates, Clip, Failure and Lost are for
// the kinds: how texts are filled in, what is kept of an output, and what an error means.
//
// It knows no deploys, checks or messages. Of ours it imports internal/secret and
// internal/reason. Start at Engine.Advance.
package actions
