package ingest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/ingest"
)

// unfinished is a request of which nothing more comes until it is released.
func unfinished(release <-chan struct{}) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/api/v1/write", readerFunc(func([]byte) (int, error) {
		<-release
		return 0, io.ErrUnexpectedEOF
	}))
}

// A Prometheus writes from fifty shards at once: what it has to wait for is not refused.
func TestWritesWaitForTheirTurn(t *testing.T) {
	e := newEdge(t, ingest.Limits{AtOnce: 2}, 0)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() { e.From(fmt.Sprint(i)).ServeHTTP(httptest.NewRecorder(), unfinished(release)) })
		}
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				if w := e.from(t, "prometheus", lags(1)...); w.Code != http.StatusNoContent {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		time.Sleep(4 * time.Second)
		close(release)
		all.Wait()
	})
}

// Somebody who opens requests without end, and finishes none, keeps half of the places free.
func TestASenderLeavesHalfOfThePlacesToOthers(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 0)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() { e.From("slow").ServeHTTP(httptest.NewRecorder(), unfinished(release)) })
		}
		synctest.Wait()
		began := time.Now()
		for range 20 {
			if w := e.from(t, "erp", lags(1)...); w.Code != http.StatusNoContent {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("they waited for %s", took)
		}
		close(release)
		all.Wait()
	})
}

// Nor does the line belong to one: whoever comes after it waits for no more than its turn.
func TestASenderLeavesHalfOfTheLineToOthers(t *testing.T) {
	e := newEdge(t, ingest.Limits{AtOnce: 2}, 0)
	synctest.Test(t, func(t *testing.T) {
		one, other := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { e.From("other").ServeHTTP(httptest.NewRecorder(), unfinished(other)) })
		for range 500 {
			all.Go(func() { e.From("slow").ServeHTTP(httptest.NewRecorder(), unfinished(one)) })
		}
		synctest.Wait()
		all.Go(func() {
			if w := e.from(t, "erp", lags(1)...); w.Code != http.StatusNoContent {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
		time.Sleep(time.Second)
		close(other)
		synctest.Wait()
		close(one)
		all.Wait()
	})
}

// Whoever waits longer than its own timeout is gone: no turn is given to it, and none is lost.
func TestASenderThatGoesWhileItWaitsTakesNoTurn(t *testing.T) {
	e := newEdge(t, ingest.Limits{AtOnce: 1}, 0)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { e.From("slow").ServeHTTP(httptest.NewRecorder(), unfinished(release)) })
		synctest.Wait()
		for _, want := range []string{"1", "1"} {
			w := e.from(t, "erp", lags(1)...)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != want || !strings.Contains(w.Body.String(), "too many writes are in progress: 1 at once") {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
		}
		close(release)
		all.Wait()
		if w := e.from(t, "erp", lags(1)...); w.Code != http.StatusNoContent {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// A request that trickles in is answered, and its place is free again.
func TestABodyHasToArriveInTime(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 0)
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := &oneConnection{conns: make(chan net.Conn, 1)}
		l.conns <- far
		server := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(l) }()
		began := time.Now()
		if _, err := io.WriteString(near, "POST /api/v1/write HTTP/1.1\r\nHost: guardian\r\nContent-Length: 1000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		var writing sync.WaitGroup
		writing.Go(func() {
			for range 1000 { // a byte a second
				if _, err := near.Write([]byte{1}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		answer, err := http.ReadResponse(bufio.NewReader(near), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(text), "longer than 15s") {
			t.Errorf("%d %s", answer.StatusCode, text)
		}
		if took := time.Since(began); took > 16*time.Second {
			t.Errorf("after %s", took)
		}
		_ = near.Close()
		writing.Wait()
		_ = server.Close()
		_ = l.Close()
	})
}

// oneConnection is a listener of connections that are there.
type oneConnection struct {
	conns chan net.Conn
	once  sync.Once
}

func (l *oneConnection) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConnection) Close() error {
	l.once.Do(func() { close(l.conns) })
	return nil
}

func (l *oneConnection) Addr() net.Addr { return &net.TCPAddr{} }
