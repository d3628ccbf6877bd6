package server

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Bounds of the calls that read many series. Looks and rules come first: a core is left for them
// where there are more than two.
const (
	maxQueued   = 100              // calls that wait for their turn
	maxWaiting  = 20 * time.Second // that one waits
	maxCall     = 2*time.Minute + 10*time.Second
	maxResult   = 64 << 20 // bytes of an answer, about
	pointBytes  = 32       // of a point in an answer, about
	bucketBytes = 64       // of a bucket of a histogram, about
)

// turns lets a few calls work at once, and a few more wait.
type turns struct {
	working, queued chan struct{}
	waits           time.Duration
}

func newTurns(working, queued int, waits time.Duration) *turns {
	if working <= 0 {
		working = max(2, runtime.GOMAXPROCS(0)-1)
	}
	return &turns{working: make(chan struct{}, working), queued: make(chan struct{}, queued), waits: waits}
}

// take waits for a turn; ErrBusy: it did not come.
func (t *turns) take(ctx context.Context) (done func(), err error) {
	done = func() { <-t.working }
	select {
	case t.working <- struct{}{}:
		return done, nil
	default:
	}
	select {
	case t.queued <- struct{}{}:
		defer func() { <-t.queued }()
	default:
		return nil, ErrBusy
	}
	wait := time.NewTimer(t.waits)
	defer wait.Stop()
	select {
	case t.working <- struct{}{}:
		return done, nil
	case <-wait.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bounded bounds how many calls of a kind work at once, and for how long one may take, the time in
// which its answer is read included: whoever does not read holds a turn.
func (s *Server) bounded(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) (err error) {
		done, err := s.turns.take(r.Context())
		if err != nil {
			return err
		}
		defer done()
		ctx, cancel := context.WithTimeout(r.Context(), s.options.callTime())
		defer cancel()
		control := http.NewResponseController(w)
		if control.SetWriteDeadline(time.Now().Add(s.options.callTime())) == nil {
			defer func() {
				if err == nil { // what is left of the answer goes out within the deadline
					_ = control.Flush()
				}
				_ = control.SetWriteDeadline(time.Time{})
			}()
		}
		return handle(w, r.WithContext(ctx), by)
	}
}

func (o Options) callTime() time.Duration {
	if o.CallTime > 0 {
		return o.CallTime
	}
	return maxCall
}

// tooLarge refuses a result before it is written as JSON, which takes several times its memory.
func tooLarge(v parser.Value, most int) error {
	size := 0
	count := func(labels int, points int, histograms ...promql.HPoint) {
		size += labels + points*pointBytes
		for _, h := range histograms {
			size += pointBytes + bucketBytes*(len(h.H.PositiveBuckets)+len(h.H.NegativeBuckets))
		}
	}
	switch v := v.(type) {
	case promql.Matrix:
		for _, one := range v {
			count(len(one.Metric.String()), len(one.Floats), one.Histograms...)
		}
	case promql.Vector:
		for _, one := range v {
			count(len(one.Metric.String()), 1)
			if one.H != nil {
				count(0, 0, promql.HPoint{H: one.H})
			}
		}
	}
	if size > most {
		return &queryError{"execution", errTooLarge}
	}
	return nil
}
