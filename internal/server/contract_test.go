package server_test

import (
	"fmt"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/server/servertest"
	"guardian/probes/sample"
	"guardian/rules"
)

// The double on which the handlers are tested keeps the promises of the real back end.
func TestTheDoubleKeepsTheContract(t *testing.T) {
	servertest.Run(t, func(*testing.T) servertest.World {
		m := newMemory()
		m.services = []server.Service{{
			Name: "orders", Environment: "production", Health: sample.Up, KnownGood: []string{"v1"}, Checks: []server.Check{{Name: "push", Kind: "http"}},
		}}
		m.switches = []flags.State{{Flag: flags.Flag{Name: "pause-writes", Owner: "price-team", Default: "off", Values: map[string]any{"on": true, "off": false}, MaxFor: 24 * time.Hour}}}
		owner := server.Caller{Name: "ci", Role: server.Deployer}
		m.tokens[server.HashToken("secret")] = owner
		// The hooks are called while nothing else is.
		return servertest.World{
			Backend: m.parts(), Service: "orders", Check: "push", Heartbeat: "nightly-stock", Token: "secret", Owner: owner,
			Flag:    "pause-writes",
			Calls:   server.CallReport{Marketplace: "amazon", Shop: "us-1", Operation: "getOrder", Calls: 12, At: m.now},
			Now:     func() time.Time { return m.now },
			Advance: func(d time.Duration) { m.now = m.now.Add(d) },
			Fire: func(*testing.T) string {
				m.alerts = append(m.alerts, server.Alert{Alert: rules.Alert{ID: "a_1", Rule: "Down", State: rules.Firing, Labels: map[string]string{"alertname": "Down", "service": "orders"}, ActiveAt: m.now, FiredAt: m.now}})
				return "a_1"
			},
			Tell: func(_ *testing.T, alert string) string {
				id := fmt.Sprintf("q_%d", len(m.messages)+1)
				m.messages[id], m.sent = []string{alert}, m.now
				return id
			},
			Ask: func(*testing.T) string {
				m.runs = append(m.runs, actions.Run{
					ID: "r_1", Service: "orders", Environment: "production", State: actions.AwaitingApproval, Created: m.now,
					Question: &actions.Question{Code: actions.AskApproval, Text: reason.Text("roll back?")},
				})
				return "r_1"
			},
			StandBy: func() { m.standby, m.status.Role = true, "standby" },
		}
	})
}
