package forward

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
	"guardian/rules"
)

// Target is an Alertmanager.
type Target struct {
	Name    string
	URL     secret.Secret // its address, without the path of the API
	Token   secret.Secret // for Authorization: Bearer
	Timeout time.Duration
	Resend  time.Duration // how often an alert that fires is sent again
}

// Surroundings are what is forwarded and how it is labelled; they may change with a reload.
type Surroundings struct {
	Targets  []Target
	External map[string]string               // labels that every alert gets
	Base     string                          // address of the guardian's pages
	Interval func(rules.Alert) time.Duration // at which an alert's rule is evaluated
}

// Options is what a Forwarder is made of. All fields but Transport are needed.
type Options struct {
	Surroundings func() Surroundings
	// Alerts gives the alerts that are pending or firing, and those that resolved in the last quarter
	// of an hour.
	Alerts func() []rules.Alert
	// Recent reads the alerts that resolved since a time, before this process led.
	Recent     func(ctx context.Context, since time.Time) ([]rules.Alert, error)
	Now        func() time.Time
	Log        *slog.Logger
	Redactor   *secret.Redactor
	Registerer prometheus.Registerer
	UserAgent  string
	Transport  http.RoundTripper // nil: http.DefaultTransport
}

// Forwarder sends alerts to Alertmanagers.
type Forwarder struct {
	o    Options
	sent *prometheus.CounterVec
	http *http.Client
}

// New makes a forwarder and registers its metrics.
func New(o Options) *Forwarder {
	f := &Forwarder{o: o, sent: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guardian_forwarded_alerts_total",
		Help: "Alerts sent to an Alertmanager, by result: accepted or failed. What failed is sent again.",
	}, []string{"alertmanager", "result"})}
	o.Registerer.MustRegister(f.sent)
	f.http = &http.Client{Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return f
}

// step is the time between two comparisons of what fires with what was sent.
const step = time.Second

// Run forwards until ctx ends. Each Alertmanager has its own goroutine: one that hangs does not
// delay the others.
func (f *Forwarder) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	running := map[string]context.CancelFunc{}
	defer func() {
		for _, stop := range running {
			stop()
		}
	}()
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		wanted := map[string]bool{}
		for _, t := range f.o.Surroundings().Targets {
			wanted[t.Name] = true
			if running[t.Name] == nil {
				own, stop := context.WithCancel(ctx)
				running[t.Name] = stop
				wg.Go(func() { f.serve(own, t.Name) })
			}
		}
		for name, stop := range running {
			if !wanted[name] {
				stop()
				delete(running, name)
				f.sent.DeletePartialMatch(prometheus.Labels{"alertmanager": name})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// target gives the present settings of an Alertmanager; false when there is none of that name.
func (s Surroundings) target(name string) (Target, bool) {
	for _, t := range s.Targets {
		if t.Name == name {
			return t, true
		}
	}
	return Target{}, false
}

// serve keeps one Alertmanager up to date.
func (f *Forwarder) serve(ctx context.Context, name string) {
	for _, result := range []string{"accepted", "failed"} {
		f.sent.WithLabelValues(name, result)
	}
	l := ledger{}
	f.resume(ctx, l)
	var pause time.Duration // after failures
	var next time.Time      // no request is made before
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		now := f.o.Now().UTC()
		l.observe(f.o.Alerts(), now)
		s := f.o.Surroundings()
		if t, ok := s.target(name); ok && !now.Before(next) {
			err := f.round(ctx, l, s, t)
			if ctx.Err() != nil {
				return
			}
			if err != nil && pause == 0 {
				f.o.Log.Error("alerts could not be forwarded; they are sent again", "alertmanager", name, "error", err)
			}
			if err == nil && pause > 0 {
				f.o.Log.Info("alerts are forwarded again", "alertmanager", name)
			}
			pause = pauseAfter(err, pause)
			next = now.Add(pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// pauseAfter gives the pause after a round: none after one that went well, else twice the last one.
func pauseAfter(err error, last time.Duration) time.Duration {
	if err == nil {
		return 0
	}
	return min(max(2*last, step), 30*time.Second)
}

// resume takes what resolved while no guardian or another one led: nobody may have said so.
func (f *Forwarder) resume(ctx context.Context, l ledger) {
	since := f.o.Now().UTC().Add(-resolvedFor)
	recent, err := f.o.Recent(ctx, since)
	if err != nil {
		if ctx.Err() == nil {
			f.o.Log.Warn("alerts that resolved lately could not be read; Alertmanagers notice their end by themselves", "error", err)
		}
		return
	}
	for _, a := range recent {
		if a.State == rules.Resolved && a.Origin == nil && !a.FiredAt.IsZero() && a.ResolvedAt.After(since) {
			l.resolve(a, a.ResolvedAt)
		}
	}
}

// mostPerCall is how many alerts one request holds, as in Prometheus.
const mostPerCall = 256

// round sends what is due. What was not accepted stays due.
func (f *Forwarder) round(ctx context.Context, l ledger, s Surroundings, t Target) error {
	now := f.o.Now().UTC()
	frame := frame{external: s.External, base: s.Base, resend: t.Resend, interval: s.Interval}
	for due := l.due(t.Resend, now); len(due) > 0; {
		batch := due[:min(len(due), mostPerCall)]
		due = due[len(batch):]
		messages := make([]message, len(batch))
		for i, k := range batch {
			messages[i] = frame.message(k, now)
		}
		if err := f.post(ctx, t, messages); err != nil {
			f.sent.WithLabelValues(t.Name, "failed").Add(float64(len(batch)))
			return err
		}
		f.sent.WithLabelValues(t.Name, "accepted").Add(float64(len(batch)))
		l.sent(batch, now)
	}
	return nil
}

func (f *Forwarder) post(ctx context.Context, t Target, messages []message) error {
	body, err := json.Marshal(messages)
	if err != nil {
		return fmt.Errorf("forward alerts: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(t.URL.Reveal(), "/")+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		return errors.New("forward alerts: the address is not right")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", f.o.UserAgent)
	if t.Token.IsSet() {
		r.Header.Set("Authorization", "Bearer "+t.Token.Reveal())
	}
	answer, err := f.http.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // it names the address
			err = u.Err
		}
		return fmt.Errorf("forward alerts: %s", f.o.Redactor.Redact(err.Error()))
	}
	defer func() { _ = answer.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 300)) // only quoted
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("forward alerts: HTTP %d: %s", answer.StatusCode, f.o.Redactor.Redact(strings.Join(strings.Fields(string(said)), " ")))
	}
	return nil
}
