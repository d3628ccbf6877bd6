package alerting

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/internal/store"
	"guardian/rules"
)

// sent are the alerts that other programs sent, a group of their own beside those of rules.
type sent struct {
	mu       sync.Mutex // held until what changed is in the journal
	alerts   atomic.Pointer[[]rules.Alert]
	recorded time.Time // when ALERTS was written last for all of them
	// ended are those that resolved since then, as they fired: their series end twice, because a
	// sample of the same moment may be in the way of the first end.
	ended []rules.Alert
}

const (
	// maxSent bounds the alerts of others that are held.
	maxSent = 10_000
	// sentEvery is how often ALERTS is written for them.
	sentEvery = 15 * time.Second
)

// errTooMany says that no more alerts of others are taken.
var errTooMany = fmt.Errorf("%d alerts that others sent fire already; new ones are not taken", maxSent)

func (s *sent) all() []rules.Alert {
	if all := s.alerts.Load(); all != nil {
		return *all
	}
	return nil
}

// Take takes alerts that another program sends. refused has the reasons for those that are not
// taken. After an error nothing was: they may be sent again.
func (as *Alerts) Take(list []rules.Sent) (refused []error, err error) {
	return as.stepSent(list, as.o.Now())
}

// stepSent takes what is sent, and ends what was not sent again in time. As for rules, what is not
// recorded does not count.
func (as *Alerts) stepSent(list []rules.Sent, now time.Time) (refused []error, err error) {
	s := &as.sent
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.all()
	if len(before)+len(list) > maxSent && len(list) > 0 {
		list, refused = known(before, list)
	}
	next, changes, errs := rules.StepSent(before, list, now)
	refused = append(refused, errs...)
	if len(list) == 0 && len(changes) == 0 {
		s.alerts.Store(&next)
		return refused, nil
	}
	state := rules.GroupState{Rules: map[string]rules.RuleState{"": {Alerts: next}}}
	if err := as.record(nil, rules.Evaluation{At: now, State: state, Changes: changes}); err != nil {
		if !errors.Is(err, store.ErrFenced) {
			as.o.Log.Error("alerts that others sent could not be recorded", "error", err)
		}
		return nil, err
	}
	s.alerts.Store(&next)
	var began, ended []rules.Alert
	for _, c := range changes {
		if c.To == rules.Firing {
			began = append(began, c.Alert)
			continue
		}
		was := c.Alert
		was.State = rules.Firing
		ended = append(ended, was)
	}
	as.recordSent(rules.SentSamples(ended, began, now))
	s.ended = append(s.ended, ended...)
	as.startRuns(began)
	return refused, nil
}

// known leaves of what is sent only what is known already, because no more fits.
func known(alerts []rules.Alert, list []rules.Sent) (kept []rules.Sent, refused []error) {
	have := map[string]bool{}
	for _, a := range alerts {
		have[a.ID] = true
	}
	free := maxSent - len(alerts)
	for _, s := range list {
		switch id := s.ID(); {
		case have[id]:
		case free > 0:
			free, have[id] = free-1, true
		default:
			refused = append(refused, errTooMany)
			continue
		}
		kept = append(kept, s)
	}
	return kept, refused
}

// recordSent writes ALERTS for them, so that rules can read them, and wakes those that do.
func (as *Alerts) recordSent(samples []promql.Sample) {
	if len(samples) == 0 {
		return
	}
	if err := as.o.Series.Record(as.ctx, samples); err != nil {
		as.o.Log.Warn("ALERTS could not be written for alerts that others sent", "error", err)
		return
	}
	as.Arrived(samples)
}

func (as *Alerts) tickSent(now time.Time) {
	s := &as.sent
	if len(s.all()) == 0 {
		return
	}
	if _, err := as.stepSent(nil, now); err != nil {
		return // the next tick tries again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.recorded) >= sentEvery {
		as.recordSent(rules.SentSamples(s.ended, s.all(), now))
		s.recorded, s.ended = now, nil
	}
}
