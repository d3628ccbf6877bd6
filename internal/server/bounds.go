package server

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"golang.org/x/sync/semaphore"
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

	maxUnread  = 2 * maxResult    // bytes of answers that are being read
	unreadWait = 2 * time.Second  // that an answer waits for others to be read
	readChunk  = 64 << 10         // bytes of an answer that
	readWithin = 10 * time.Second // must be read so soon
)

// turns lets a few calls work at once, and a few more wait. It bounds how much is held for those who read.
type turns struct {
	working, queued chan struct{}
	waits           time.Duration
	unread          *semaphore.Weighted // bytes
	most            int64               // of them
}

func newTurns(working int, unread int64) *turns {
	if working <= 0 {
		working = max(2, runtime.GOMAXPROCS(0)-1)
	}
	if unread <= 0 {
		unread = maxUnread
	}
	return &turns{
		working: make(chan struct{}, working), queued: make(chan struct{}, maxQueued), waits: maxWaiting,
		unread: semaphore.NewWeighted(unread), most: unread,
	}
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
// which its answer is read included. The turn is over when the answer is there: who reads slowly keeps
// nobody from working, and is cut off when it takes too long.
func (s *Server) bounded(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) (err error) {
		done, err := s.turns.take(r.Context())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.options.callTime())
		defer cancel()
		out := &slowWriter{
			ResponseWriter: w, control: http.NewResponseController(w), until: time.Now().Add(s.options.callTime()), turn: sync.OnceFunc(done), turns: s.turns,
		}
		defer func() { out.end(err == nil) }()
		return handle(out, r.WithContext(ctx), by)
	}
}

// slowWriter writes an answer to somebody who may read it slowly.
type slowWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	until   time.Time // when all of it must have been read
	turn    func()    // gives the turn back
	turns   *turns

	status  int
	began   bool  // the status is sent
	holds   int64 // bytes of unread
	refused bool
}

// Unwrap is for http.ResponseController.
func (w *slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter. The status is sent with the first bytes.
func (w *slowWriter) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *slowWriter) Write(b []byte) (n int, err error) {
	if !w.began {
		w.begin(len(b))
	}
	if w.refused {
		return len(b), nil
	}
	for n < len(b) {
		_ = w.control.SetWriteDeadline(w.within())
		m, err := w.ResponseWriter.Write(b[n:min(n+readChunk, len(b))])
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// within is until when the next bytes must have been read.
func (w *slowWriter) within() time.Time {
	if soon := time.Now().Add(readWithin); soon.Before(w.until) {
		return soon
	}
	return w.until
}

// begin ends the turn and sends the status: 503 where too much is being read by others.
func (w *slowWriter) begin(size int) {
	w.began = true
	defer w.turn()
	ctx, cancel := context.WithTimeout(context.Background(), unreadWait)
	defer cancel()
	held := min(int64(size), w.turns.most)
	if w.turns.unread.Acquire(ctx, held) != nil {
		w.refused = true
		_ = writeJSON(w.ResponseWriter, http.StatusServiceUnavailable, queryAnswer{Status: "error", ErrorType: "unavailable", Error: ErrBusy.Error()})
		return
	}
	w.holds = held
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
}

func (w *slowWriter) end(answered bool) {
	w.turn()
	if answered && !w.began && w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
	if answered && w.control.SetWriteDeadline(w.within()) == nil {
		_ = w.control.Flush() // what is left of the answer
	}
	_ = w.control.SetWriteDeadline(time.Time{})
	w.turns.unread.Release(w.holds)
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

// tooLong refuses a list as tooLarge does a result.
func tooLong[T any](list []T, size func(T) int) error {
	sum := 0
	for _, one := range list {
		if sum += size(one); sum > maxResult {
			return &queryError{"execution", errTooLarge}
		}
	}
	return nil
}
