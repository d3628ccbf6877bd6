package actions_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/actions"
	"guardian/internal/reason"
)

// memory is a ledger that keeps runs in memory, as durable as the test wants.
type memory struct {
	mu      sync.Mutex
	run     actions.Run
	entries []actions.Entry
	fail    error
	takes   time.Duration // of each record
}

func (m *memory) Record(_ context.Context, r actions.Record) error {
	time.Sleep(m.takes)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.run = r.Run
	m.entries = append(m.entries, r.Entries...)
	return nil
}

func (m *memory) whats() string {
	var w []string
	for _, e := range m.entries {
		w = append(w, e.What)
	}
	return strings.Join(w, " ")
}

// act is a step out of functions.
type act struct {
	do     func(context.Context, actions.Call) (string, error)
	status func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error)
}

func (a act) Do(ctx context.Context, c actions.Call) (string, error) { return a.do(ctx, c) }
func (a act) Status(ctx context.Context, c actions.Call) (actions.Outcome, reason.Reason, error) {
	if a.status == nil {
		return actions.Unclear, reason.Reason{}, nil
	}
	return a.status(ctx, c)
}

func ok(context.Context, actions.Call) (string, error) { return "fine", nil }

// looks answers for checks, counters and alerts: each letter is one look, u up, s up and slow (two
// seconds), d down, x an error; the last one stays.
type looks map[string]string

func (l looks) Ask(ctx context.Context, _ actions.Run, s actions.Symptom, _ time.Time) (actions.CheckResult, error) {
	return l.Look(ctx, s.Name)
}

func (l looks) Look(_ context.Context, check string) (actions.CheckResult, error) {
	s := l[check]
	if s == "" {
		s = "x"
	}
	if len(s) > 1 {
		l[check] = s[1:]
	}
	switch s[0] {
	case 'u':
		return actions.CheckResult{Health: "up"}, nil
	case 's':
		return actions.CheckResult{Health: "up", Took: 2 * time.Second}, nil
	case 'd':
		return actions.CheckResult{Health: "down", Reason: reason.Text("500")}, nil
	default:
		return actions.CheckResult{}, errors.New("connection refused")
	}
}

// rig is an engine with everything around it.
type rig struct {
	book   *actions.Runbook
	ledger *memory
	looks  looks
	lease  func() bool
	forbid func(actions.Run, actions.RunbookStep) reason.Reason
	seen   []actions.State
	reg    *prometheus.Registry
	*actions.Engine
}

func newRig(t *testing.T, steps ...actions.RunbookStep) *rig {
	t.Helper()
	r := &rig{ledger: &memory{}, looks: looks{}, lease: func() bool { return true }, reg: prometheus.NewRegistry()}
	for i := range steps {
		if steps[i].Timeout == 0 {
			steps[i].Timeout = time.Minute
		}
	}
	r.book = &actions.Runbook{
		Name: "back", Steps: steps, OnFailure: actions.OnFailureStop,
		Verify:   actions.Verify{For: 5 * time.Minute, Every: 10 * time.Second, Successes: 3},
		Approval: actions.Approval{Timeout: time.Hour, OnTimeout: actions.OnTimeoutExpire, Quorum: 1, Roles: []string{"approver"}},
	}
	e, err := actions.NewEngine(actions.Options{
		Runbooks: func(name string) (*actions.Runbook, bool) { return r.book, name == "back" && r.book != nil },
		Ledger:   r.ledger, Verifier: r.looks, Now: func() time.Time { return time.Now().UTC() },
		Log: slog.New(slog.DiscardHandler), Registerer: r.reg,
		LeaseValid: func() bool { return r.lease() },
		Forbids: func(run actions.Run, s actions.RunbookStep) reason.Reason {
			if r.forbid == nil {
				return reason.Reason{}
			}
			return r.forbid(run, s)
		},
		Observer: func(run actions.Run) { r.seen = append(r.seen, run.State) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Engine = e
	return r
}

func step(name string, a act) actions.RunbookStep {
	return actions.RunbookStep{Name: name, Kind: "fake", Step: a}
}

func request() actions.Request {
	return actions.Request{
		ID: "r_1", Service: "order-sync", Environment: "production", Runbook: "back", Rollback: true, From: "v2", To: "v1",
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_2", Reason: reason.Text("it is slow")},
		Failing: []string{"push"}, Healthy: []string{"api"},
	}
}

// through makes a run and advances it until it waits or ends.
func (r *rig) through(t *testing.T, change func(*actions.Request)) actions.Run {
	t.Helper()
	req := request()
	if change != nil {
		change(&req)
	}
	run, err := r.Create(t.Context(), r.ledger, req)
	if err != nil {
		t.Fatal(err)
	}
	run, err = r.Advance(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	return run
}
