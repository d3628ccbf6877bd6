package probes_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

func TestHeartbeat(t *testing.T) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	red := &secret.Redactor{}
	red.Learn(secret.New("hunter22"))
	for name, tc := range map[string]struct {
		last   *probes.Heartbeat
		err    error
		after  time.Duration // since the probe was built
		health sample.Health
		reason string
	}{
		"never reported, not due yet":         {after: 65 * time.Minute, health: sample.Unknown, reason: "no heartbeat yet"},
		"never reported, and due":             {after: 66 * time.Minute, health: sample.Down, reason: "no heartbeat in 1 h 6 min of watching, due every 1 h"},
		"reported in time":                    {last: &probes.Heartbeat{At: start, OK: true}, after: 65 * time.Minute, health: sample.Up},
		"reported too long ago":               {last: &probes.Heartbeat{At: start, OK: true}, after: 66 * time.Minute, health: sample.Down, reason: "the last heartbeat came 1 h 6 min ago, due every 1 h"},
		"long overdue at the start":           {last: &probes.Heartbeat{At: start.Add(-24 * time.Hour), OK: true}, health: sample.Down, reason: "1 d ago"},
		"reported a failure":                  {last: &probes.Heartbeat{At: start, Reason: "disk\nfull, key hunter22"}, health: sample.Down, reason: "the job reported a failure: disk full, key <secret>"},
		"a report from the future is not old": {last: &probes.Heartbeat{At: start.Add(time.Hour), OK: true}, health: sample.Up},
		"the journal cannot be read":          {err: errors.New("disk gone"), health: sample.Unknown, reason: "the last heartbeat could not be read: disk gone"},
	} {
		t.Run(name, func(t *testing.T) {
			now := start
			env := probes.Env{
				Check: "nightly", Every: 15 * time.Second, Now: func() time.Time { return now }, Redactor: red,
				Heartbeats: func(_ context.Context, check string) (probes.Heartbeat, bool, error) {
					if check != "nightly" {
						t.Errorf("asked for %s", check)
					}
					if tc.last == nil {
						return probes.Heartbeat{}, false, tc.err
					}
					return *tc.last, true, tc.err
				},
			}
			p := build(t, "heartbeat", env, func(s *probes.HeartbeatSettings) {
				s.Period, s.Grace = model.Duration(time.Hour), model.Duration(5*time.Minute)
			})
			now = start.Add(tc.after)
			o := look(t, p, 20*time.Second)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
		})
	}
}

func TestHeartbeatTakesTheChecksIntervalForThePeriod(t *testing.T) {
	now := time.Now()
	env := probes.Env{
		Every: time.Minute, Now: func() time.Time { return now },
		Heartbeats: func(context.Context, string) (probes.Heartbeat, bool, error) { return probes.Heartbeat{}, false, nil },
	}
	p := build(t, "heartbeat", env, func(*probes.HeartbeatSettings) {})
	now = now.Add(61 * time.Second)
	if o := look(t, p, 20*time.Second); o.Health != sample.Down {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	k := probes.Builtin()["heartbeat"]
	if _, err := k.Build(k.Settings(), probes.Env{}); err == nil {
		t.Error("built without a period")
	}
	if err := (&probes.HeartbeatSettings{Period: -1, Grace: -1}).Validate(); err == nil || !strings.Contains(err.Error(), "period") || !strings.Contains(err.Error(), "grace") {
		t.Errorf("validate: %v", err)
	}
}
