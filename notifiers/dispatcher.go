package notifiers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
)

// ErrSuperseded is returned by Outbox.Save when one of the deliveries was superseded after it was read.
var ErrSuperseded = errors.New("a newer notice took the place of this one")

// Outbox is the durable queue of deliveries. The journal implements it.
type Outbox interface {
	// Due lists, for one receiver, the first unfinished delivery (Queued or Sending) of each
	// notice key whose NextAt is not after now, oldest first, at most limit. A delivery that
	// is not the first of its key is never listed, whatever its NextAt.
	Due(ctx context.Context, receiver string, now time.Time, limit int) ([]Delivery, error)
	// Save writes deliveries by their ID, all or none, and has them on disk when it returns.
	// It fails when this guardian no longer holds the lease, and with ErrSuperseded when one of them is
	// Superseded there. A delivery's Receiver may change.
	Save(ctx context.Context, deliveries ...Delivery) error
	// Calls returns the calls to a receiver since the given time, oldest first; see CallsOf.
	Calls(ctx context.Context, receiver string, since time.Time) ([]Call, error)
	// CountCalls counts the calls to a receiver since the given time. It need not know those that
	// failed and were repeated.
	CountCalls(ctx context.Context, receiver string, since time.Time) (int, error)
	// LastSent returns the last delivery with a Ref to a receiver of a notice of a thread since a
	// time; zero: there is none.
	LastSent(ctx context.Context, receiver, thread string, since time.Time) (Sent, error)
	// Receivers lists the receivers that have an unfinished delivery.
	Receivers(ctx context.Context) ([]string, error)
}

// Receiver is a configured destination with the channel that was built for it.
type Receiver struct {
	Channel  Channel
	Budget   Budget
	Fallback string // the receiver that takes over while this one is rate limited or failing; "": none
	// Template writes the messages; nil: they are in the guardian's own words.
	Template *Template
	// Actions returns links by which a reader acts on what a notice is about. They are added when it
	// is sent: whoever has such a link may act, and the journal, where the notice waits, shows it to
	// everybody who may read. nil: there are none.
	Actions func(d Delivery) []Link
	// AsWritten is for programs: they get the same body in each attempt. A message to people says too
	// that it is late, and in place of whom it is sent.
	AsWritten bool
	// MonthlyQuota is how many calls the messenger allows in a calendar month; people are warned
	// when 80 % and all of them were made. 0: it is not known.
	MonthlyQuota int
	// Fingerprint identifies the configuration: Apply leaves a receiver with the same
	// fingerprint running. It must not contain a secret in plain text. An empty fingerprint
	// never equals another one.
	Fingerprint string
}

// Options configures a Dispatcher.
type Options struct {
	Receivers  map[string]Receiver
	Outbox     Outbox
	Log        *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	Redactor   *secret.Redactor      // applied to errors before they are saved; nil: none
	Now        func() time.Time      // nil: the clock

	// GiveUpAfter is how long a delivery is retried: the first attempt that fails later than
	// that is the last one. Default 1h.
	GiveUpAfter time.Duration
	// Timeout bounds one call; default 15s.
	Timeout time.Duration

	// OnGiveUp renders the notice to a receiver that a delivery to another one was given up. It is sent
	// once. nil: no such notice is sent.
	OnGiveUp func(d Delivery, to string) Notice
	// OnQuota renders the notice to a receiver that the monthly quota of one is nearly or wholly used
	// up. nil: it is only logged.
	OnQuota func(u Usage, to string) Notice
	// MaySend reports whether this process still holds the lease. It is checked immediately
	// before each call, because the process may have been paused after it journalled the
	// attempt and replaced by another one since. nil: always true.
	MaySend func() bool
	// Drop returns why a delivery need not be sent any more, such as a silence, or "". It is called right before each attempt. nil: nothing is dropped.
	Drop func(Delivery) string
}

// failOverAfter is how long a delivery is retried before a failed attempt moves it to the
// receiver's fallback, and how long calls of the receiver fail before it is taken to be down, which
// moves what waits for it. A penalty of the messenger moves it at once.
const failOverAfter = 2 * time.Minute

// Dispatcher delivers what is in the outbox: one goroutine per receiver, in order per key,
// within the receiver's budget. It can be started again after Stop.
//
// Delivery is at least once. A delivery is saved as Sending before the call and with the
// call's outcome after it; one that is found as Sending after a restart is sent again.
type Dispatcher struct {
	o       Options
	metrics *metrics

	applying sync.Mutex // one Start, Apply or Stop at a time
	mu       sync.RWMutex
	workers  map[string]*worker
	// startWorker starts a worker's goroutine. It is nil while the dispatcher is stopped.
	startWorker func(*worker)
	drain       chan struct{}
	abort       context.CancelFunc
	orphans     chan struct{} // of capacity 1: asks for a search for notices of receivers that are not configured
	wg          sync.WaitGroup
}

// NewDispatcher makes a dispatcher without starting it. An unknown fallback is an error.
func NewDispatcher(o Options) (*Dispatcher, error) {
	if o.Outbox == nil {
		return nil, errors.New("dispatcher: there is no outbox")
	}
	if err := check(o.Receivers); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		set      *time.Duration
		fallback time.Duration
	}{{&o.GiveUpAfter, time.Hour}, {&o.Timeout, 15 * time.Second}} {
		if *d.set <= 0 {
			*d.set = d.fallback
		}
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("dispatcher: register metrics: %w", err)
	}
	d := &Dispatcher{o: o, metrics: m, workers: map[string]*worker{}, orphans: make(chan struct{}, 1)}
	for name, r := range o.Receivers {
		d.add(name, r)
	}
	return d, nil
}

// check validates that every receiver has a channel and an existing fallback.
func check(receivers map[string]Receiver) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(receivers)) {
		r := receivers[name]
		if r.Channel == nil {
			errs = append(errs, fmt.Errorf("receiver %q has no channel", name))
		}
		if r.Fallback == name {
			errs = append(errs, fmt.Errorf("receiver %q: fallback is itself", name))
		} else if _, ok := receivers[r.Fallback]; r.Fallback != "" && !ok {
			errs = append(errs, fmt.Errorf("receiver %q: fallback %q is not configured", name, r.Fallback))
		}
	}
	return errors.Join(errs...)
}

func (d *Dispatcher) add(name string, r Receiver) *worker {
	w := newWorker(d, name, r)
	d.workers[name] = w
	d.metrics.add(name)
	return w
}

// Start delivers in the background until ctx ends or Stop is called. It does nothing when
// the dispatcher was started before and not stopped, even if that ctx has ended.
func (d *Dispatcher) Start(ctx context.Context) {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.startWorker != nil {
		return
	}
	ctx, d.abort = context.WithCancel(ctx)
	drain := make(chan struct{})
	d.drain = drain
	d.startWorker = func(w *worker) {
		own, stop := context.WithCancel(ctx)
		w.stop, w.done = stop, make(chan struct{})
		done := w.done
		d.wg.Go(func() {
			defer close(done)
			defer stop()
			w.run(own, drain)
			if w.removed.Load() {
				w.reassignAll(ctx)
			}
		})
	}
	for _, w := range d.workers {
		d.startWorker(w)
	}
	d.wg.Go(func() { d.reassignOrphans(ctx, drain) })
}

// orphanInterval is how often the outbox is searched for notices whose receiver is not
// configured. While Apply is changing the receivers, the search is retried after orphanRetry.
const (
	orphanInterval = time.Minute
	orphanRetry    = 100 * time.Millisecond
)

// reassignOrphans periodically reassigns deliveries of receivers that are not configured. There
// are some when a receiver was removed while the guardian was down, or when a notice for it
// was written at the moment it was removed.
func (d *Dispatcher) reassignOrphans(ctx context.Context, drain <-chan struct{}) {
	for {
		wait := orphanRetry
		if d.applying.TryLock() {
			d.reassignOrphansOnce(ctx)
			d.applying.Unlock()
			wait = orphanInterval
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-drain:
		case <-d.orphans:
		case <-timer.C:
			continue
		}
		timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-drain:
			return
		default:
		}
	}
}

func (d *Dispatcher) reassignOrphansOnce(ctx context.Context) {
	names, err := d.o.Outbox.Receivers(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.o.Log.Error("outbox could not be read", "error", err)
		}
		return
	}
	for _, name := range names {
		if !d.has(name) {
			newWorker(d, name, Receiver{}).reassignAll(ctx)
			d.metrics.remove(name)
		}
	}
}

// Wake makes a receiver's worker look at the outbox now. It never blocks; an unknown
// receiver is ignored.
func (d *Dispatcher) Wake(receiver string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if w := d.workers[receiver]; w != nil {
		w.signal()
	}
}

// Apply replaces the set of receivers. A receiver with an unchanged fingerprint keeps its
// channel, its recent calls and its penalty. A receiver that is no longer configured has its
// current call cancelled, and its deliveries move to its fallback or else to another
// receiver; without any other receiver they are dropped and counted. On an error nothing
// changes.
func (d *Dispatcher) Apply(receivers map[string]Receiver) error {
	if err := check(receivers); err != nil {
		return err
	}
	d.applying.Lock()
	defer d.applying.Unlock()

	d.mu.Lock()
	var removed []*worker
	for name, w := range d.workers {
		if _, stays := receivers[name]; !stays {
			removed = append(removed, w)
			delete(d.workers, name)
		}
	}
	for name, r := range receivers {
		if w := d.workers[name]; w != nil {
			w.reconfigure(r)
			continue
		}
		if w := d.add(name, r); d.startWorker != nil {
			d.startWorker(w)
		}
	}
	d.mu.Unlock()

	// Wait for each worker, so that a later Apply cannot start a second one of the same name.
	for _, w := range removed {
		if w.stop != nil {
			w.removed.Store(true)
			w.stop()
			<-w.done
		}
		d.metrics.remove(w.name)
	}
	select {
	case d.orphans <- struct{}{}:
	default:
	}
	return nil
}

// Stop sends what is due now, without waiting for retries or budgets, until ctx ends, and
// then stops every worker. Undelivered notices stay in the outbox. It returns ctx's error
// when it had to cancel a call.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.mu.Lock()
	if d.startWorker == nil {
		d.mu.Unlock()
		return nil
	}
	d.startWorker = nil
	drain, abort := d.drain, d.abort
	d.mu.Unlock()

	close(drain)
	ended := make(chan struct{})
	go func() {
		d.wg.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("stop dispatcher: %w", context.Cause(ctx))
	}
	abort()
	<-ended
	return err
}

// Status is the state of one receiver.
type Status struct {
	Receiver  string    `json:"receiver"`
	Waiting   int       `json:"waiting"`          // keys with something undelivered, at most 500
	Oldest    time.Time `json:"oldest,omitzero"`  // when the oldest of them was created
	Penalty   time.Time `json:"penalty,omitzero"` // rate limited by the messenger until then
	LastError string    `json:"error,omitempty"`  // of the last attempt; "" when it was delivered
	LastSent  time.Time `json:"last_sent,omitzero"`
	Latency   Latency   `json:"latency"`
	// MonthCalls are the calls of this calendar month (UTC); MonthlyQuota is how many are allowed,
	// 0 if it is not known.
	MonthCalls   int `json:"month_calls"`
	MonthlyQuota int `json:"monthly_quota,omitempty"`
	// Robots are the receiver's robots, if it has several.
	Robots []RobotStatus `json:"robots,omitempty"`
}

// RobotStatus is the state of one of a receiver's robots.
type RobotStatus struct {
	Name      string    `json:"name"`
	Penalty   time.Time `json:"penalty,omitzero"`
	LastError string    `json:"error,omitempty"`
}

// Status returns the state of every receiver, sorted by name.
func (d *Dispatcher) Status() []Status {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []Status
	for _, name := range slices.Sorted(maps.Keys(d.workers)) {
		out = append(out, d.workers[name].status())
	}
	return out
}

// fallback returns the receiver to which a delivery fails over: the first in the chain of
// fallbacks that is not rate limited and did not have the delivery before; "" if there is none.
func (d *Dispatcher) fallback(delivery Delivery, now time.Time) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	seen := append(slices.Clone(delivery.MovedFrom), delivery.Receiver)
	from := d.workers[delivery.Receiver]
	for from != nil {
		name := from.fallbackName()
		if name == "" || slices.Contains(seen, name) {
			return ""
		}
		from = d.workers[name]
		if from != nil && !from.penalized(now) {
			return name
		}
		seen = append(seen, name)
	}
	return ""
}

// anotherReceiver returns a receiver other than the delivery's own: its fallback, else the
// first by name that is not rate limited, else any; "" if there is no other receiver.
func (d *Dispatcher) anotherReceiver(delivery Delivery, now time.Time) string {
	if name := d.fallback(delivery, now); name != "" {
		return name
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	last := ""
	for _, name := range slices.Sorted(maps.Keys(d.workers)) {
		if name == delivery.Receiver {
			continue
		}
		if !d.workers[name].penalized(now) && !slices.Contains(delivery.MovedFrom, name) {
			return name
		}
		if last == "" {
			last = name
		}
	}
	return last
}
