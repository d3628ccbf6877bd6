package ingest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"guardian/internal/ingest"
	"guardian/internal/series"
)

// slowStorage takes some of the receiver's time for each series that it is asked about.
type slowStorage struct {
	*series.DB
	each, passed time.Duration
}

func (s *slowStorage) Admits(of labels.Labels) error {
	s.passed += s.each
	return s.DB.Admits(of)
}

// slowEdge is a receiver of at most one series, whose time passes by its work alone.
func slowEdge(t *testing.T) (*edge, *slowStorage) {
	t.Helper()
	e := newEdge(t, ingest.Limits{}, 1)
	s := &slowStorage{DB: e.db, each: time.Millisecond}
	names, err := ingest.NewNames([]string{"erp_*"})
	if err != nil {
		t.Fatal(err)
	}
	e.Receiver = ingest.New(ingest.Options{
		Storage: s, Names: func() ingest.Names { return names },
		Now: func() time.Time { return now.Add(s.passed) },
	})
	return e, s
}

// from sends a request as a sender.
func (e *edge) from(tb testing.TB, sender string, all ...prompb.TimeSeries) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/write", strings.NewReader(string(packV1(tb, all...))))
	w := httptest.NewRecorder()
	e.From(sender).ServeHTTP(w, r)
	return w
}

// lags makes so many series, of which the storage has the first.
func lags(n int) (all []prompb.TimeSeries) {
	for i := range n {
		all = append(all, ts(one(0, 1), "erp_lag", "a", fmt.Sprint(i)))
	}
	return all
}

func TestASenderWhoseSamplesAreRefusedWaits(t *testing.T) {
	for name, c := range map[string]struct {
		series []prompb.TimeSeries
		status int
		wait   time.Duration
	}{
		"all is stored":          {lags(1), http.StatusNoContent, 0},
		"nine of ten are new":    {lags(10), http.StatusTooManyRequests, 81 * time.Millisecond},
		"all hundred are new":    {lags(101)[1:], http.StatusTooManyRequests, 900 * time.Millisecond},
		"very many, all new":     {lags(4001)[1:], http.StatusTooManyRequests, 30 * time.Second},
		"not declared, no work":  {[]prompb.TimeSeries{ts(one(0, 1), "other")}, http.StatusBadRequest, 0},
		"one of two is too old":  {[]prompb.TimeSeries{ts(one(0, 1), "erp_lag", "a", "0"), ts(one(2*time.Hour, 1), "erp_lag", "a", "0")}, http.StatusBadRequest, 9 * time.Millisecond},
		"nothing in the request": {nil, http.StatusNoContent, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e, s := slowEdge(t)
			if w := e.from(t, "first", lags(1)...); w.Code != http.StatusNoContent {
				t.Fatal(w.Code, w.Body)
			}
			if w := e.from(t, "erp", c.series...); w.Code != c.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if c.wait == 0 {
				if w := e.from(t, "erp", lags(1)...); w.Code != http.StatusNoContent {
					t.Errorf("it waits: %d %s", w.Code, w.Body)
				}
				return
			}
			s.passed += c.wait - time.Millisecond/2
			unread := httptest.NewRequest(http.MethodPost, "/api/v1/write", readerFunc(func([]byte) (int, error) {
				t.Error("the request is read")
				return 0, io.EOF
			}))
			w := httptest.NewRecorder()
			e.From("erp").ServeHTTP(w, unread)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "erp_lag") {
				t.Errorf("it does not wait: %d %v %s", w.Code, w.Header(), w.Body)
			}
			if w := e.from(t, "another", lags(1)...); w.Code != http.StatusNoContent {
				t.Errorf("another sender waits, too: %d %s", w.Code, w.Body)
			}
			s.passed += time.Millisecond / 2
			if w := e.from(t, "erp", lags(1)...); w.Code != http.StatusNoContent {
				t.Errorf("it waits for too long: %d %s", w.Code, w.Body)
			}
		})
	}
}

// Bodies that are nothing cost time as well: whoever sends them waits.
func TestASenderOfBrokenBodiesWaits(t *testing.T) {
	db := newEdge(t, ingest.Limits{}, 0).db
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"not compressed": {"orders_total 1", http.StatusBadRequest},
		"no message":     {"\x01\x00\x00", http.StatusBadRequest},
		"too long":       {"\xff\xff\xff\xff\x0f", http.StatusRequestEntityTooLarge},
	} {
		var passed time.Duration
		r := ingest.New(ingest.Options{Storage: db, Names: func() ingest.Names { return ingest.Names{} }, Now: func() time.Time {
			passed += 10 * time.Millisecond
			return now.Add(passed)
		}})
		for i, want := range []int{c.status, http.StatusServiceUnavailable} {
			w := httptest.NewRecorder()
			r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/write", strings.NewReader(c.body)))
			if w.Code != want {
				t.Errorf("%s: request %d is answered %d %s", name, i, w.Code, w.Body)
			}
		}
	}
}

// So many senders are remembered; who comes after them shares one wait.
func TestTheMemoryOfWhoWaitsIsBounded(t *testing.T) {
	e, s := slowEdge(t)
	e.from(t, "first", lags(1)...)
	s.each = time.Second
	for i := range 1010 {
		before := s.passed
		w := e.from(t, fmt.Sprint("sender ", i), lags(2)[1:]...)
		s.passed = before // so that they all come at once
		switch {
		case i <= 1000 && w.Code != http.StatusTooManyRequests:
			t.Fatalf("sender %d: %d %s", i, w.Code, w.Body)
		case i > 1000 && w.Code != http.StatusServiceUnavailable:
			t.Fatalf("sender %d does not wait with those before it: %d %s", i, w.Code, w.Body)
		}
	}
	s.passed += time.Minute
	if w := e.from(t, "sender 1009", lags(1)...); w.Code != http.StatusNoContent {
		t.Errorf("the wait of others is over: %d %s", w.Code, w.Body)
	}
}

// blockedStorage takes everything, once it is released, and counts the requests that wait for that.
type blockedStorage struct {
	blocked atomic.Int32
	release chan struct{}
}

func (*blockedStorage) Admits(labels.Labels) error { return nil }

func (s *blockedStorage) Write(_ context.Context, points []series.Point, _ func(int, error)) (int, error) {
	s.blocked.Add(1)
	defer s.blocked.Add(-1)
	<-s.release
	return len(points), nil
}

func (*blockedStorage) WriteExemplars(context.Context, []series.Exemplar, func(int, error)) (int, error) {
	return 0, nil
}

// However many write, half of the cores are left for looks and rules.
func TestFewRequestsAreWorkedOnAtOnce(t *testing.T) {
	names, err := ingest.NewNames([]string{"erp_*"})
	if err != nil {
		t.Fatal(err)
	}
	for working, want := range map[int]int32{0: int32(max(1, runtime.GOMAXPROCS(0)/2)), 3: 3} {
		synctest.Test(t, func(t *testing.T) {
			s := &blockedStorage{release: make(chan struct{})}
			e := &edge{Receiver: ingest.New(ingest.Options{Storage: s, Names: func() ingest.Names { return names }, Now: func() time.Time { return now }, Limits: ingest.Limits{Working: working}})}
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() {
					if w := e.from(t, fmt.Sprint(i), lags(1)...); w.Code != http.StatusNoContent {
						t.Errorf("%d %s", w.Code, w.Body)
					}
				})
			}
			synctest.Wait()
			if got := s.blocked.Load(); got != want {
				t.Errorf("%d requests at once, want %d", got, want)
			}
			close(s.release)
			all.Wait()
		})
	}
}

// A program that writes new series without end makes no garbage that would have to be collected.
func TestWhatIsRefusedIsCheap(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 1)
	e.write(t, lags(1)...)
	const many = 2000
	var all []prompb.TimeSeries
	for i := range many {
		all = append(all, ts(one(0, 1), "erp_lag", "a", fmt.Sprint("other ", i), "text", strings.Repeat("长", 300)))
	}
	body := packV1(t, all...)
	if w := e.send(body); w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "2000 too many series") {
		t.Fatal(w.Code, w.Body)
	}
	if got := testing.AllocsPerRun(5, func() { e.send(body) }); got > many/4 {
		t.Errorf("%g allocations for %d refused series", got, many)
	}
}

// The memory of a request is used again: nothing of what is kept may lie in it.
func TestNothingIsKeptOfTheMemoryOfARequest(t *testing.T) {
	e := newEdge(t, ingest.Limits{Working: 1}, 0)
	for _, word := range []string{"first", "other", "third"} {
		r := prompb.WriteRequest{
			Timeseries: []prompb.TimeSeries{
				ts(one(0, 1), "erp_"+word, "shop", word),
				{Labels: []prompb.Label{{Name: "__name__", Value: "erp_" + word}, {Name: "shop", Value: word}}, Exemplars: []prompb.Exemplar{traced(0, 2, "trace_id", word)}},
			},
			Metadata: []prompb.MetricMetadata{{MetricFamilyName: "erp_" + word, Help: "Of the " + word + "."}},
		}
		if w := e.send(packed(t, &r)); w.Code != http.StatusNoContent {
			t.Fatal(w.Code, w.Body)
		}
	}
	if got, want := e.ask(t, `{__name__=~"erp_.*"}`), "{__name__=\"erp_first\", shop=\"first\"} 1\n{__name__=\"erp_other\", shop=\"other\"} 1\n{__name__=\"erp_third\", shop=\"third\"} 1"; got != want {
		t.Errorf("stored is\n%s", got)
	}
	if got, want := e.exemplars(t), "erp_first 2 {trace_id=\"first\"}\nerp_other 2 {trace_id=\"other\"}\nerp_third 2 {trace_id=\"third\"}"; got != want {
		t.Errorf("exemplars are\n%s", got)
	}
	if got := e.Metadata(); got["erp_first"].Help != "Of the first." || len(got) != 3 {
		t.Errorf("metadata: %v", got)
	}
}
