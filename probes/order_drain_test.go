package probes_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/probes"
	"guardian/probes/sample"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitFor waits until something holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > orderPatience {
			t.Fatalf("never: %s", what)
		}
	}
}

func (s *queueShop) came() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queued) + len(s.orders)
}

// An order that is on its way when the guardian stops is cleaned up before it ends; what does not come
// in time is named.
func TestAStopCleansUpOrdersOnTheirWay(t *testing.T) {
	for name, tc := range map[string]struct {
		status int  // of the answer to the push; 0: none
		comes  bool // before the end of the drain
		drain  time.Duration
		remove bool // the check is removed by a reload, in place of a stop
		says   string
	}{
		"accepted, and stored after the stop":       {status: 202, comes: true, drain: orderPatience},
		"not answered, and stored after the stop":   {status: 0, comes: true, drain: orderPatience},
		"not answered, and not stored in time":      {status: 0, drain: 300 * time.Millisecond, says: "the next start cleans them up"},
		"of a check that was removed":               {status: 202, comes: true, drain: orderPatience, remove: true},
		"of a check that was removed, and too late": {status: 202, drain: 300 * time.Millisecond, remove: true, says: "remove them by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := &queueShop{status: tc.status, orders: map[string]bool{}}
			url := serve(t, shop.ServeHTTP)
			j := &journal{}
			probe := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
				overHTTP(url)(s)
				s.Verify, s.Push.Ref, s.Cleanup.HTTP.URL = nil, "", url+"/orders/{{.ID}}"
				s.Push.Timeout, s.Lookup.LostAfter = model.Duration(orderPatience), model.Duration(orderPatience)
			})
			log := &logged{}
			r := probes.NewRunner(probes.RunnerOptions{
				OnSample: func(sample.Sample) {}, Drain: tc.drain, Log: slog.New(slog.NewTextHandler(log, nil)),
			})
			r.SetActive(true)
			r.Apply([]probes.Check{{Name: "push", Kind: "order_push", Every: 2 * time.Hour, Timeout: time.Hour, Active: true, Probe: probe}})
			go func() { _, _ = r.LookNow(context.Background(), "push") }() // it is stopped with the check
			waitFor(t, "an order is pushed", func() bool { return shop.came() > 0 })
			over := make(chan struct{})
			go func() {
				defer close(over)
				if tc.remove {
					r.Apply(nil)
					return
				}
				if err := r.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			open := func() []probes.Order { all, _ := j.Open(t.Context(), "push"); return all }
			if tc.comes {
				waitFor(t, "the first cleanup finds nothing", func() bool { return strings.Count(j.history(), "intended")+strings.Count(j.history(), "pushed") > 2 })
				shop.workAtNextLook()
				waitFor(t, "the order is cleaned up", func() bool { return len(open()) == 0 && shop.left() == 0 })
			} else {
				waitFor(t, "what is left is named", func() bool {
					return strings.Contains(log.String(), tc.says) && strings.Contains(log.String(), open()[0].ID)
				})
				if o := open()[0]; o.Tries > 1 {
					t.Errorf("the drain used %d tries up", o.Tries)
				}
			}
			<-over
			if tc.comes && strings.Contains(log.String(), "may be left") {
				t.Errorf("the log says %s", log)
			}
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}
