package selfcheck

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/decide"
	"guardian/internal/secret"
)

// Heartbeat is where a sign of life is sent, and how often.
type Heartbeat struct {
	URL   secret.Secret
	Every time.Duration
}

// Options is what a Checker is made of. All fields are needed, but Transport.
type Options struct {
	// Measure gives the vitals of now, without the clock's distance to an outside one.
	Measure func(ctx context.Context, now time.Time) decide.Vitals
	// Leads tells whether this guardian leads.
	Leads func() bool
	// Notify tells people; after an error the fault is told again.
	Notify func(ctx context.Context, news decide.FaultNews) error
	// Gaps are the times in which nobody is on call, of which people should know; NotifyGap tells
	// them, once each.
	Gaps      func(now time.Time) []decide.GapNews
	NotifyGap func(ctx context.Context, gap decide.GapNews) error
	// Heartbeat is of the running configuration; false: there is none.
	Heartbeat func() (Heartbeat, bool)
	Transport http.RoundTripper // nil: http.DefaultTransport
	UserAgent string

	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Checker measures, tells and sends heartbeats. Use it from one goroutine.
type Checker struct {
	o      Options
	client *http.Client
	check  decide.SelfCheck

	faults *prometheus.GaugeVec
	beats  *prometheus.CounterVec

	nextBeat time.Time
	nextGaps time.Time
	gaps     map[string]bool // of which people were told, by key
	clockOff time.Duration   // of our clock to that of the heartbeat's receiver, when it was asked last
}

const (
	// measureEvery is the time between two measurements, and gapsEvery that between two looks at the
	// schedules.
	measureEvery = 2 * time.Second
	gapsEvery    = time.Minute
	beatTimeout  = 10 * time.Second
)

// New makes a Checker.
func New(o Options) *Checker {
	c := &Checker{
		o: o, client: &http.Client{Transport: o.Transport, Timeout: beatTimeout},
		faults: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "guardian_self_fault", Help: "1 while something is wrong with the guardian itself."}, []string{"fault"}),
		beats:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "guardian_heartbeats_total", Help: "Heartbeats to the outside service; suppressed ones were not sent because of a fault."}, []string{"result"}),
	}
	o.Registerer.MustRegister(c.faults, c.beats)
	for _, name := range decide.FaultNames() {
		c.faults.WithLabelValues(name)
	}
	for _, result := range []string{"sent", "failed", "suppressed"} {
		c.beats.WithLabelValues(result)
	}
	return c
}

// Run checks again and again until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.Step(ctx)
		}
	}
}

// Step measures once, tells what people must hear, and sends the heartbeat if it is due.
func (c *Checker) Step(ctx context.Context) {
	now := c.o.Now()
	vitals := c.o.Measure(ctx, now)
	if c.clockOff != 0 {
		vitals.ClockOff = c.clockOff
	}
	faults := vitals.Faults(now)
	c.count(faults)
	// Who tells of faults and is alive is the leader or, while the journal is away, each: none knows who leads.
	acts, mine := c.o.Leads() || decide.Blinded(faults), faults
	if !acts { // another guardian tells of what concerns both
		c.check.Hand()
		mine = slices.DeleteFunc(slices.Clone(faults), func(f decide.Fault) bool { return !f.Local() })
	}
	for _, n := range c.check.Step(mine, now) {
		if err := c.o.Notify(ctx, n); err != nil {
			c.o.Log.Error("people could not be notified of a fault of the guardian; trying again", "fault", n.Name, "error", err)
			continue
		}
		c.check.Told(n, now)
	}
	if !acts {
		return
	}
	c.tellGaps(ctx, now)
	c.beat(ctx, faults, now)
}

func (c *Checker) tellGaps(ctx context.Context, now time.Time) {
	if now.Before(c.nextGaps) {
		return
	}
	c.nextGaps = now.Add(gapsEvery)
	told := map[string]bool{}
	for _, n := range c.o.Gaps(now) {
		if c.gaps[n.Occasion()] {
			told[n.Occasion()] = true
			continue
		}
		if err := c.o.NotifyGap(ctx, n); err != nil {
			c.o.Log.Error("people could not be notified that nobody is on call; trying again", "schedule", n.Schedule, "error", err)
			continue
		}
		told[n.Occasion()] = true
	}
	c.gaps = told
}

func (c *Checker) count(faults []decide.Fault) {
	c.faults.Reset()
	for _, name := range decide.FaultNames() {
		c.faults.WithLabelValues(name)
	}
	for _, f := range faults {
		c.faults.WithLabelValues(f.Name).Set(1)
	}
}

// beat sends the heartbeat when it is due and the guardian is well. A failed one is sent again
// at the next step.
func (c *Checker) beat(ctx context.Context, faults []decide.Fault, now time.Time) {
	h, ok := c.o.Heartbeat()
	if !ok || now.Before(c.nextBeat) {
		return
	}
	if !decide.Well(faults) {
		c.beats.WithLabelValues("suppressed").Inc()
		c.nextBeat = now.Add(min(h.Every, time.Minute)) // again soon once all is well
		return
	}
	if err := c.send(ctx, h.URL.Reveal(), now); err != nil {
		c.beats.WithLabelValues("failed").Inc()
		c.o.Log.Warn("the heartbeat could not be sent", "error", err)
		return
	}
	c.beats.WithLabelValues("sent").Inc()
	c.nextBeat = now.Add(h.Every)
}
