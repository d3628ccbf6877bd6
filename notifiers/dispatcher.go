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

// Outbox keeps deliveries durably: the journal is one.
type Outbox interface {
	// Due lists, for one receiver, the first unfinished delivery (Queued or Sending) of each
	// notice key whose NextAt is not after now, oldest first, at most limit. A delivery that
	// is not the first of its key is never listed, whatever its NextAt.
	Due(ctx context.Context, receiver string, now time.Time, limit int) ([]Delivery, error)
	// Save writes deliveries by their ID, all or none, and has them on disk when it returns.
	// It fails when this guardian no longer holds the lease. A delivery's Receiver may change.
	Save(ctx context.Context, deliveries ...Delivery) error
	// Calls gives when calls to a receiver ended since, oldest first: those by which deliveries
	// were delivered or given up.
	Calls(ctx context.Context, receiver string, since time.Time) ([]time.Time, error)
	// Receivers names those for which there is an unfinished delivery.
	Receivers(ctx context.Context) ([]string, error)
}

// Receiver is a named destination, built.
type Receiver struct {
	Channel  Channel
	Budget   Budget
	Fallback string // the receiver that takes over while this one is penalized or broken; "": none
	// Fingerprint tells configurations apart: Apply keeps a receiver of the same fingerprint
	// running as it is. It must not contain a secret in clear; "" is never the same.
	Fingerprint string
}

// Options is what a Dispatcher is made of.
type Options struct {
	Receivers  map[string]Receiver
	Outbox     Outbox
	Log        *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	Redactor   *secret.Redactor      // for what is kept of errors; nil: none
	Now        func() time.Time      // nil: the clock

	// GiveUpAfter is how long a delivery is tried before a failed attempt is the last;
	// default 1h.
	GiveUpAfter time.Duration
	// FailOverAfter is how long a delivery is tried before a failed attempt moves it to the
	// receiver's fallback; default 2m. A penalty moves it at once.
	FailOverAfter time.Duration
	// Timeout bounds one call; default 15s.
	Timeout time.Duration

	// OnGiveUp puts into words that a delivery was given up. What it gives is told through
	// another receiver, once. nil: nobody is told.
	OnGiveUp func(Delivery) Notice
	// MayTell is asked at the last moment before a call: a process that was paused since the
	// attempt was journalled may no longer be the one that tells. nil: it always is.
	MayTell func() bool
	// Drop says why a delivery need not be sent any more (silenced, superseded), or "". It
	// is asked right before each attempt. nil: nothing is dropped.
	Drop func(Delivery) string
}

// Dispatcher delivers what is in the outbox: one goroutine per receiver, in order per key,
// within the receiver's budget. It can be started again after Stop.
//
// A delivery is journalled as Sending before its call and by the call's outcome after: found
// as Sending later, its answer was lost, and it is sent again.
type Dispatcher struct {
	o       Options
	metrics *metrics

	applying sync.Mutex // one Start, Apply or Stop at a time
	mu       sync.RWMutex
	workers  map[string]*worker
	// spawn starts a worker's goroutine; nil while the dispatcher is stopped.
	spawn func(*worker)
	drain chan struct{}
	abort context.CancelFunc
	stray chan struct{} // holds one: there may be notices for receivers that are not there
	wg    sync.WaitGroup
}

// NewDispatcher makes a dispatcher; it starts nothing. An unknown fallback is an error.
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
	}{{&o.GiveUpAfter, time.Hour}, {&o.FailOverAfter, 2 * time.Minute}, {&o.Timeout, 15 * time.Second}} {
		if *d.set <= 0 {
			*d.set = d.fallback
		}
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("dispatcher: register metrics: %w", err)
	}
	d := &Dispatcher{o: o, metrics: m, workers: map[string]*worker{}, stray: make(chan struct{}, 1)}
	for name, r := range o.Receivers {
		d.add(name, r)
	}
	return d, nil
}

// check says everything that is wrong with how receivers refer to each other.
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

// Start begins to deliver until ctx ends or Stop is called. A dispatcher that was started and
// not stopped since is left as it is, even when its ctx has ended: call Stop first.
func (d *Dispatcher) Start(ctx context.Context) {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.spawn != nil {
		return
	}
	ctx, d.abort = context.WithCancel(ctx)
	drain := make(chan struct{})
	d.drain = drain
	d.spawn = func(w *worker) {
		own, stop := context.WithCancel(ctx)
		w.stop, w.done = stop, make(chan struct{})
		done := w.done
		d.wg.Go(func() {
			defer close(done)
			defer stop()
			w.run(own, drain)
			if w.removed.Load() {
				w.retire(ctx)
			}
		})
	}
	for _, w := range d.workers {
		d.spawn(w)
	}
	d.wg.Go(func() { d.gather(ctx, drain) })
}

// strayEvery is how often it is looked for notices whose receiver is not there, and strayAgain
// when to look again while receivers are being swapped: it is not known then who is there.
const (
	strayEvery = time.Minute
	strayAgain = 100 * time.Millisecond
)

// gather hands on what waits for receivers that are not configured: they were taken out while
// nobody delivered, or a notice for one was on its way into the outbox when it was.
func (d *Dispatcher) gather(ctx context.Context, drain <-chan struct{}) {
	for {
		wait := strayAgain
		if d.applying.TryLock() {
			d.sweep(ctx)
			d.applying.Unlock()
			wait = strayEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-drain:
		case <-d.stray:
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

func (d *Dispatcher) sweep(ctx context.Context) {
	names, err := d.o.Outbox.Receivers(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.o.Log.Error("outbox could not be read", "error", err)
		}
		return
	}
	for _, name := range names {
		if !d.knows(name) {
			newWorker(d, name, Receiver{}).retire(ctx)
			d.metrics.remove(name)
		}
	}
}

// Wake tells that there is something new for a receiver. It never blocks; a receiver that
// is not known is ignored.
func (d *Dispatcher) Wake(receiver string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if w := d.workers[receiver]; w != nil {
		w.poke()
	}
}

// Apply swaps the receivers: those of the same fingerprint keep their channel, calls and
// penalties, others get the new channel. A receiver that is gone ends the call that it is
// making and hands its notices to its fallback, or else to another receiver; when there is
// none they are dropped and counted. On an error nothing changes.
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
			w.swap(r)
			continue
		}
		if w := d.add(name, r); d.spawn != nil {
			d.spawn(w)
		}
	}
	d.mu.Unlock()

	// Waited for, so that a later Apply cannot start a second goroutine of the same name.
	for _, w := range removed {
		if w.stop != nil {
			w.removed.Store(true)
			w.stop()
			<-w.done
		}
		d.metrics.remove(w.name)
	}
	select {
	case d.stray <- struct{}{}:
	default:
	}
	return nil
}

// Stop delivers what is due now, without waiting for retries or budgets, until ctx ends, and
// then ends every goroutine. What was not delivered stays in the outbox. Its error is ctx's
// when a call had to be cut off.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.mu.Lock()
	if d.spawn == nil {
		d.mu.Unlock()
		return nil
	}
	d.spawn = nil
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

// Status is how a receiver is doing.
type Status struct {
	Receiver  string    `json:"receiver"`
	Waiting   int       `json:"waiting"`          // keys with something undelivered, at most 500
	Oldest    time.Time `json:"oldest,omitzero"`  // when the oldest of them was created
	Penalty   time.Time `json:"penalty,omitzero"` // the messenger wants no call before
	LastError string    `json:"error,omitempty"`  // of the last attempt; "" when it was delivered
	LastSent  time.Time `json:"last_sent,omitzero"`
}

// Status tells how each receiver is doing, by name.
func (d *Dispatcher) Status() []Status {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []Status
	for _, name := range slices.Sorted(maps.Keys(d.workers)) {
		out = append(out, d.workers[name].report())
	}
	return out
}

// fallback gives the receiver that takes over a delivery from the one that has it: the
// first in the chain of fallbacks that is not penalized and did not have it before; or "".
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

// other gives a receiver to tell about what another one could not deliver: its fallback, or
// the first by name that is not penalized, or any; "" when there is no other one.
func (d *Dispatcher) other(delivery Delivery, now time.Time) string {
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
