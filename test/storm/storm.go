package storm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
	"guardian/test/program"
	"guardian/test/rig"
)

// Options is what a storm is like.
type Options struct {
	Alerts   int
	Services int
	Within   time.Duration // all alerts begin within it
	// Wait and Interval are group_wait and group_interval of alerts that are not critical.
	Wait, Interval time.Duration
	Kills          int           // of the process
	KillsWithin    time.Duration // the kills are at random moments of it
	Patience       time.Duration // after which what was not told counts as lost
	Seed           uint64        // of everything random
}

// storm is one that goes on.
type storm struct {
	Options
	tb       testing.TB
	g        *rig.Guardian
	journal  *store.Store
	opened   chan struct{} // closed when the journal is
	robots   []*robot
	series   []series
	kills    []kill
	began    time.Time
	lastOne  time.Time // when the last alert began
	allKnown time.Time // when everybody knew of all
}

// series fires from a moment on.
type series struct {
	item, tier, service string
	after               time.Duration // since the storm began
	at                  time.Time     // when its sample was written first; zero: not yet
}

// group names the group of a series as messages do.
func (s series) group() string { return s.service + ": " + ruleOf(s.tier) }

func ruleOf(tier string) string { return "Stuck" + strings.ToUpper(tier[:1]) + tier[1:] }

// kill is the end of a process.
type kill struct {
	at time.Time
	// recorded are the deliveries of which the journal has the messenger's answer.
	recorded map[string]bool
}

// Run lets a storm break and waits until everybody was told of everything.
func Run(tb testing.TB, binary program.Program, o Options) *Result {
	tb.Helper()
	s := &storm{Options: o, tb: tb, robots: robots(tb), opened: make(chan struct{})}
	for _, r := range s.robots {
		r.sending = s.sending
	}
	s.draw()
	s.g = rig.New(tb, binary, s.config(), map[string]string{"rules.yaml": ruleFile()})
	s.g.Level = "error"
	s.g.Start()
	var err error
	s.journal, err = store.Open(tb.Context(), store.Options{Path: filepath.Join(s.g.Dir, "data", "journal.db"), ReadOnly: true})
	if err != nil {
		tb.Fatal(err)
	}
	defer s.journal.Close()
	close(s.opened)

	ctx, cancel := context.WithCancel(tb.Context())
	written := make(chan struct{})
	ended := make(chan struct{})
	s.began = time.Now()
	go func() {
		defer close(ended)
		s.write(ctx, written)
	}()
	s.kill()
	<-written
	s.allKnown = s.untilTold()
	cancel()
	<-ended
	return s.result()
}

// draw draws when which series begins to fire.
func (s *storm) draw() {
	random := rand.New(rand.NewPCG(s.Seed, 0)) //nolint:gosec // any order will do
	tiers := []string{"critical", "warning", "info"}
	for i := range s.Alerts {
		s.series = append(s.series, series{
			item: fmt.Sprintf("%04d", i), tier: tiers[random.IntN(len(tiers))], service: fmt.Sprintf("svc%02d", random.IntN(s.Services)),
			after: time.Duration(i) * s.Within / time.Duration(s.Alerts),
		})
	}
}

// config is the configuration. A guardian that was killed acts again when its lease has run out.
func (s *storm) config() string {
	var b strings.Builder
	b.WriteString("server: {listen: LISTEN}\nstorage: {path: data, lease: 2s}\ningest: [stuck]\nrules: [rules.yaml]\nservices:\n")
	for i := range s.Services {
		fmt.Fprintf(&b, "  - name: svc%02d\n", i)
	}
	b.WriteString("receivers:\n")
	b.WriteString(receivers(s.robots))
	fmt.Fprintf(&b, `routes:
  receivers: [dingtalk, wecom, feishu, slack]
  routes:
    - {receivers: [dingtalk, wecom, feishu, slack], matchers: [tier="critical"]}
    - {receivers: [dingtalk, wecom, feishu, slack], matchers: [alertname=~".+"], group_wait: %s, group_interval: %s}
`, s.Wait, s.Interval)
	return b.String()
}

func ruleFile() string {
	var b strings.Builder
	b.WriteString("groups:\n  - name: storm\n    rules:\n")
	for _, tier := range []string{"critical", "warning", "info"} {
		name := ruleOf(tier)
		fmt.Fprintf(&b, "      - {alert: %s, expr: 'stuck{tier=%q} > 0', labels: {tier: %s}, annotations: {summary: '%s {{ $labels.item }}'}}\n", name, tier, tier, name)
	}
	return b.String()
}

// kill ends the process at random moments and starts it again at once.
func (s *storm) kill() {
	random := rand.New(rand.NewPCG(s.Seed, 1)) //nolint:gosec // any moments will do
	var moments []time.Duration
	for range s.Kills {
		moments = append(moments, time.Duration(random.Int64N(int64(s.KillsWithin))))
	}
	slices.Sort(moments)
	for _, m := range moments {
		time.Sleep(time.Until(s.began.Add(m)))
		s.g.Kill()
		k := kill{at: time.Now(), recorded: map[string]bool{}}
		for _, d := range s.deliveries(store.DeliveryFilter{State: notifiers.Delivered}) {
			k.recorded[d.ID] = true
		}
		s.kills = append(s.kills, k)
		s.g.Launch()
	}
	if s.Kills > 0 {
		s.g.Eventually("active", func() bool { return s.g.Role() == "active" })
	}
}

// untilTold waits until each receiver was told of each alert and nothing waits to be sent, and gives
// when that was.
func (s *storm) untilTold() time.Time {
	end := time.Now().Add(s.Patience)
	for time.Now().Before(end) {
		if s.told() == len(s.series)*len(receiverNames()) && len(s.deliveries(store.DeliveryFilter{Open: true})) == 0 {
			return time.Now()
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.tb.Errorf("%s after the storm %d of %d alerts were told, and %d notices wait",
		s.Patience, s.told(), len(s.series)*len(receiverNames()), len(s.deliveries(store.DeliveryFilter{Open: true})))
	return time.Now()
}

// told counts of how many alerts receivers were told that they fire.
func (s *storm) told() (n int) {
	rows, err := s.journal.Told(context.Background())
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, row := range rows {
		if row.State == rules.Firing {
			n++
		}
	}
	return n
}

func (s *storm) deliveries(f store.DeliveryFilter) []notifiers.Delivery {
	f.Limit = store.MaxLimit
	all, err := s.journal.Deliveries(context.Background(), f)
	if err != nil {
		s.tb.Error(err)
	}
	return all
}

// sending gives the deliveries that the journal says are under way by a robot: those of the call that
// is being made. Those of a call that a kill cut off are older.
func (s *storm) sending(receiver, via string) (ids []string) {
	<-s.opened
	var latest time.Time
	for _, d := range s.deliveries(store.DeliveryFilter{Receiver: receiver, State: notifiers.Sending}) {
		if d.Via != via || d.Updated.Before(latest) {
			continue
		}
		if d.Updated.After(latest) {
			latest, ids = d.Updated, nil
		}
		ids = append(ids, d.ID)
	}
	return ids
}
