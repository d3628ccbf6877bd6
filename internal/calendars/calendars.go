package calendars

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/oncall"
)

const (
	// every is the time between two readings of a calendar.
	every = 5 * time.Minute
	// again is the time after which one is read again that could not be read.
	again = time.Minute
	// patience is how long a calendar may be unreadable before that is a problem: until then its
	// last copy is as good.
	patience = time.Hour
	timeout  = 30 * time.Second
)

// Options is what Calendars are made of.
type Options struct {
	Dir        string            // where the last copies are kept
	Transport  http.RoundTripper // nil: http.DefaultTransport
	UserAgent  string
	Changed    func() // called after a calendar changed
	Now        func() time.Time
	Log        *slog.Logger
	Redactor   *secret.Redactor
	Registerer prometheus.Registerer
}

// Calendars are the calendars that have an address. They are safe for concurrent use.
type Calendars struct {
	o        Options
	client   *http.Client
	failures prometheus.Counter
	wake     chan struct{}

	mu   sync.Mutex
	kept map[string]*kept // by address
}

// kept is one calendar.
type kept struct {
	address  string
	since    time.Time // when it was configured
	calendar *oncall.Calendar
	sum      [sha256.Size]byte // of the content that calendar was made of
	read     time.Time         // when it was read last; zero: not in this process
	next     time.Time         // when it is read again
	problem  string            // why the last reading failed; redacted
}

// New makes calendars; it reads none.
func New(o Options) *Calendars {
	c := &Calendars{
		o: o, client: &http.Client{Transport: o.Transport, Timeout: timeout}, wake: make(chan struct{}, 1), kept: map[string]*kept{},
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_calendar_read_failures_total", Help: "Readings of on-call calendars that failed; the last copy stays in use.",
		}),
	}
	o.Registerer.MustRegister(c.failures)
	return c
}

// Apply sets which addresses are read. New ones begin with the copy that an earlier process kept.
func (c *Calendars) Apply(addresses []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[string]*kept{}
	for _, address := range addresses {
		k, known := c.kept[address]
		if !known {
			k = &kept{address: address, since: c.o.Now()}
			if content, err := os.ReadFile(c.file(address)); err == nil {
				k.calendar, _ = oncall.ParseCalendar(content)
				k.sum = sha256.Sum256(content)
			}
		}
		next[address] = k
	}
	c.kept = next
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Contents gives the calendars that were read, by their address.
func (c *Calendars) Contents() map[string]*oncall.Calendar {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]*oncall.Calendar{}
	for address, k := range c.kept {
		if k.calendar != nil {
			out[address] = k.calendar
		}
	}
	return out
}

// Problem says what is wrong with a calendar; zero: it could be read within the last hour.
func (c *Calendars) Problem(address string) reason.Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[address]
	if !ok || k.problem == "" {
		return reason.Reason{}
	}
	last := k.read
	if last.IsZero() {
		last = k.since
	}
	if k.calendar != nil && c.o.Now().Sub(last) < patience {
		return reason.Reason{}
	}
	return reason.New("calendar_unreadable", "since", last, "error", k.problem)
}

// Run reads calendars that are due until ctx ends.
func (c *Calendars) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		c.ReadDue(ctx)
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-tick.C:
		}
	}
}

// ReadDue reads the calendars whose time has come, one after the other.
func (c *Calendars) ReadDue(ctx context.Context) {
	for _, k := range c.due() {
		content, err := c.fetch(ctx, k.address)
		if ctx.Err() != nil {
			return
		}
		if c.take(k, content, err) {
			c.o.Changed()
		}
	}
}

func (c *Calendars) due() []*kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*kept
	for k := range maps.Values(c.kept) {
		if !c.o.Now().Before(k.next) {
			all = append(all, k)
		}
	}
	return all
}

// take notes what a reading gave, and reports whether the calendar changed.
func (c *Calendars) take(k *kept, content []byte, err error) (changed bool) {
	var calendar *oncall.Calendar
	var partly error
	if err == nil {
		if calendar, partly = oncall.ParseCalendar(content); calendar == nil {
			err = partly
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failures.Inc()
		k.problem, k.next = c.o.Redactor.Redact(err.Error()), c.o.Now().Add(again)
		c.o.Log.Warn("a calendar could not be read; its last copy stays in use", "error", k.problem)
		return false
	}
	k.problem, k.read, k.next = "", c.o.Now(), c.o.Now().Add(every)
	sum := sha256.Sum256(content)
	if k.calendar != nil && sum == k.sum {
		return false
	}
	k.calendar, k.sum = calendar, sum
	if partly != nil {
		c.o.Log.Warn("events of a calendar cannot be read; the others count", "error", c.o.Redactor.Redact(partly.Error()))
	}
	if err := keep(c.file(k.address), content); err != nil {
		c.o.Log.Warn("the copy of a calendar could not be kept; it is missing after a restart", "error", err)
	}
	return true
}

// fetch reads one address. Its errors do not have the address, which is a secret.
func (c *Calendars) fetch(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("its address is not valid")
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	req.Header.Set("Accept", "text/calendar, */*;q=0.1")
	resp, err := c.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, oncall.MaxCalendar+1))
}

func (c *Calendars) file(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(c.o.Dir, hex.EncodeToString(sum[:12])+".ics")
}

// keep writes a file whole or not at all.
func keep(path string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".calendar-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
