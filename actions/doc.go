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
// A runbook's steps are one flat list, made when it is loaded: members of a parallel group, a step for
// each shop, and the fallback's steps are entries of it with a mark, so that each has a place, an intent
// and lines in the ledger of its own. The data goes one way:
//
//	facts of the run ─▶ which steps are meant (When) ─▶ preconditions (Unmet) ─▶ Runbook.next ─▶ Engine.stage
//	                                                                                  ▲               │
//	                                                                                  └── the record ◀┘
//
// Runbook.next decides by how the steps stand, and nothing else, what a run does next: work on steps, ask
// a person, go on to the fallback, end, or verify. A run that goes on and one that is taken up after a
// crash take the same way. The goroutine of Advance owns the run and alone records it; the steps of a
// group are done in goroutines of their own, which hand in what came of them.
//
// What can go wrong: a member of a group fails, or is not known to have happened (the others come to
// their end first; then a person is asked, then on_failure counts); the guardian dies while several are
// under way (each intent is resolved by its own target); a person aborts (nothing more is begun); a
// precondition or criterion cannot be seen (it does not hold); the fallback fails (the run has failed);
// the configuration changes meanwhile (the run ends, after a person was asked about open intents).
//
// A kind of step is a package beside this one with its settings, their defaults and checks, and one
// line in package kinds; it passes the suite in actiontest. Templates, Clip, Failure and Lost are for
// the kinds: how texts are filled in, what is kept of an output, and what an error means.
//
// It knows no deploys, checks or messages. Of ours it imports internal/secret and
// internal/reason. Start at Engine.Advance.
package actions
