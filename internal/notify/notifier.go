package notify

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
)

// Render makes a notice in a language.
type Render = func(announce.Renderer) notifiers.Notice

// Committer writes a batch in the name of the leadership.
type Committer interface {
	Commit(b store.Batch) error
}

// Journal is what is asked of the journal; store.Store is one.
type Journal interface {
	Silences(ctx context.Context, since time.Time) ([]route.Silence, error)
	Acks(ctx context.Context) ([]rules.Ack, error)
}

// Settings is what a configuration says about notices.
type Settings struct {
	Decisions *decide.Settings
	Teller    announce.Renderer // of the server: its language, time zone and address
	Languages map[string]string // by receiver; "" is the server's
	// Zones are the time zones of receivers that reach one person alone; others have the server's.
	Zones map[string]*time.Location
	// Fallbacks are the receivers to which the notices of one move that does not take them.
	Fallbacks map[string]string
}

// For gives a teller of a receiver's language and time zone.
func (s Settings) For(receiver string) announce.Renderer {
	t := s.In(s.Languages[receiver])
	if zone := s.Zones[receiver]; zone != nil {
		t.Location = zone
	}
	return t
}

// In gives a teller of a language; "" is the server's.
func (s Settings) In(language string) announce.Renderer {
	t := s.Teller
	if language != "" {
		t.Language = language
	}
	return t
}

// delivery queues a notice for a receiver, with its words for those to which it may move.
func (s Settings) delivery(receiver string, n notifiers.Notice, now time.Time, render Render) notifiers.Delivery {
	n.ID, n.Created = store.NewID("n_"), now
	d := notifiers.Delivery{ID: store.NewID("q_"), Receiver: receiver, Notice: n, State: notifiers.Queued, NextAt: now, Updated: now}
	chain := s.chain(receiver)
	alike := func(name string) bool { return s.For(name) == s.For(receiver) }
	if !slices.ContainsFunc(chain, func(name string) bool { return !alike(name) }) {
		return d
	}
	d.Wordings = map[string]notifiers.Wording{}
	for _, name := range chain {
		d.Wordings[name] = notifiers.WordingOf(render(s.For(name)))
	}
	return d
}

// chain lists the fallback of a receiver, that one's, and so on.
func (s Settings) chain(receiver string) (names []string) {
	for name := s.Fallbacks[receiver]; name != "" && !slices.Contains(names, name); name = s.Fallbacks[name] {
		names = append(names, name)
	}
	return names
}

// Options is what a Notifier is made of. All fields are needed.
type Options struct {
	Settings   func() Settings // of the running configuration
	Journal    Journal
	Wake       func(receiver string) // starts the delivery of what was queued for a receiver
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Notifier puts notices into batches. It is safe for concurrent use.
type Notifier struct {
	o          Options
	suppressed prometheus.Counter

	// refreshing lets one reading of the journal follow another, so that what was read before a
	// silence began never takes the place of what was read after.
	refreshing sync.Mutex

	mu       sync.RWMutex
	silences []route.Silence
	acks     map[string]rules.Ack // by alert
}

// New makes a notifier. It knows no silences until Refresh.
func New(o Options) *Notifier {
	n := &Notifier{o: o, suppressed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "guardian_notices_suppressed_total", Help: "Notices that were not sent because of a silence, a maintenance or a route's time intervals.",
	})}
	o.Registerer.MustRegister(n.suppressed)
	return n
}

// Add puts a notice into a batch and gives the receivers to wake once it is committed; none
// when nobody is notified.
func (n *Notifier) Add(b *store.Batch, now time.Time, render Render) []string {
	s := n.o.Settings()
	if s.Decisions.Routes == nil {
		return nil
	}
	first := render(s.Teller)
	if first.Title == "" {
		return nil
	}
	to := s.Decisions.Recipients(first.Kind, first.Labels, n.Silences(), now)
	if !to.Suppressed.IsZero() {
		n.suppressed.Inc()
		n.o.Log.Debug("a notice is suppressed", "key", first.Key, "why", to.Suppressed.String())
		return nil
	}
	n.suppressed.Add(float64(to.Muted))
	var receivers []string
	for _, target := range to.Targets {
		one := first
		if teller := s.For(target.Receiver); teller != s.Teller {
			one = render(teller)
		}
		receivers = append(receivers, s.queue(b, s.delivery(target.Receiver, one, now, render))...)
	}
	return receivers
}

// Queue puts a notice for one receiver into a batch, and gives the receivers to wake once it is committed.
func (n *Notifier) Queue(b *store.Batch, receiver string, now time.Time, render Render) []string {
	s := n.o.Settings()
	return s.queue(b, s.delivery(receiver, render(s.For(receiver)), now, render))
}

func (s Settings) queue(b *store.Batch, d notifiers.Delivery) (wake []string) {
	b.Deliveries = append(b.Deliveries, d)
	wake = []string{d.Receiver}
	if d.Notice.StateOf != "" { // it may take the place of one that waits at a fallback
		wake = append(wake, s.chain(d.Receiver)...)
	}
	return wake
}

// Wake starts the delivery of what was committed.
func (n *Notifier) Wake(receivers []string) {
	for _, r := range receivers {
		n.o.Wake(r)
	}
}

// Record commits facts with the notice about them.
func (n *Notifier) Record(in Committer, facts store.Batch, render Render) error {
	receivers := n.Add(&facts, n.o.Now(), render)
	if err := in.Commit(facts); err != nil {
		return err
	}
	n.Wake(receivers)
	return nil
}

// Send commits a notice that belongs to no other fact, and tells whether anybody is notified.
// After an error nothing was written: send it again.
func (n *Notifier) Send(in Committer, render Render) (notified bool, err error) {
	var b store.Batch
	receivers := n.Add(&b, n.o.Now(), render)
	if len(b.Deliveries) == 0 {
		return false, nil
	}
	if err := in.Commit(b); err != nil {
		n.o.Log.Error("a notice could not be queued", "error", err)
		return false, err
	}
	n.Wake(receivers)
	return true, nil
}

// Refresh reads what people said at any guardian: silences and acknowledgements. What cannot be
// read stays as it was.
func (n *Notifier) Refresh(ctx context.Context) {
	n.refreshing.Lock()
	defer n.refreshing.Unlock()
	silences, err := n.o.Journal.Silences(ctx, n.o.Now())
	if err != nil {
		if ctx.Err() == nil {
			n.o.Log.Warn("silences could not be read; those known before stay", "error", err)
		}
		return
	}
	acks, err := n.o.Journal.Acks(ctx)
	if err != nil {
		if ctx.Err() == nil {
			n.o.Log.Warn("acknowledgements could not be read; those known before stay", "error", err)
		}
		return
	}
	known := make(map[string]rules.Ack, len(acks))
	for _, k := range acks {
		known[k.Alert] = k
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silences, n.acks = silences, known
}

// refreshEvery is the time between two readings of silences and acknowledgements.
const refreshEvery = 2 * time.Second

// Run refreshes again and again until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		n.Refresh(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Silences gives the silences that have not ended.
func (n *Notifier) Silences() []route.Silence {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.silences
}

// ForgetAck forgets the acknowledgement of an alert that resolved, as the journal did: one for
// its next firing is another one.
func (n *Notifier) ForgetAck(alert string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	acks := maps.Clone(n.acks)
	delete(acks, alert)
	n.acks = acks
}

// Ack gives the acknowledgement of an alert; false when nobody acknowledged it.
func (n *Notifier) Ack(alert string) (rules.Ack, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	k, ok := n.acks[alert]
	return k, ok
}
