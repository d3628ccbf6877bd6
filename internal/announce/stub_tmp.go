package announce

import (
	"time"

	"guardian/actions"
	"guardian/notifiers"
	"guardian/rules"
	"guardian/watch"
)

// AlertFiring tells that an alert began to fire. last is the service's last deploy, or nil.
func (t Teller) AlertFiring(a rules.Alert, last *watch.Deploy, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// AlertRepeat tells that an alert still fires.
func (t Teller) AlertRepeat(a rules.Alert, last *watch.Deploy, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// AlertResolved tells that an alert no longer fires.
func (t Teller) AlertResolved(a rules.Alert, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// Verdict tells how a watch ended, whatever its verdict is, and what that leads to. plan is
// read for a Failed verdict only.
func (t Teller) Verdict(w *watch.Watch, d watch.Deploy, plan Plan, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// Run tells where a run stands now: begun, waiting for a person (and for what), verifying,
// or how it ended.
func (t Teller) Run(r actions.Run, now time.Time) notifiers.Notice { return notifiers.Notice{} }

// Refused tells that guards do not let a run be, and why.
func (t Teller) Refused(r actions.Run, refusals []actions.Refusal, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// StepFailed tells that step i of a run failed.
func (t Teller) StepFailed(r actions.Run, i int, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// BlindBegan tells, once, that a check has not been able to look for long.
func (t Teller) BlindBegan(b Blind, now time.Time) notifiers.Notice { return notifiers.Notice{} }

// BlindEnded tells that it can look again.
func (t Teller) BlindEnded(b Blind, now time.Time) notifiers.Notice { return notifiers.Notice{} }

// SightLost tells that no check at all can look: the guardian itself is cut off.
func (t Teller) SightLost(checks int, since time.Time, reason string, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// SightRegained tells that the guardian can look again.
func (t Teller) SightRegained(checks int, since, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// GivenUp tells that a notice could not be delivered.
func (t Teller) GivenUp(d notifiers.Delivery, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// TookOver tells that guardian by acts from now on instead of from, last heard of at since.
func (t Teller) TookOver(by, from string, since, now time.Time) notifiers.Notice {
	return notifiers.Notice{}
}

// OrderLeft tells that a synthetic order was left behind and must be taken back by hand.
func (t Teller) OrderLeft(o Order, now time.Time) notifiers.Notice { return notifiers.Notice{} }

// Test is a notice that says that it is only a test.
func (t Teller) Test(receiver string, now time.Time) notifiers.Notice { return notifiers.Notice{} }
