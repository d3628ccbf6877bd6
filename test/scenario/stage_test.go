//go:build !race

package scenario_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/test/rig"
)

// place is what of the shop is asked.
type place string

const (
	storefront place = "/storefront"
	orders     place = "/orders"
	other      place = "/other"   // the storefront of another shop
	outside    place = "/outside" // somebody else's, that no deploy of ours can break
)

// moment is one request to the shop.
type moment struct {
	at      place
	version string
	nth     int           // of the requests to this place since the switch, from 1
	since   time.Duration // since the switch
}

// answer is what the shop does; the zero value is a good answer at once.
type answer struct {
	bad  bool          // it answers 500
	slow time.Duration // before it answers
	lost bool          // an order is taken and forgotten
}

// stage is a shop, its deploy tool, and the guardian that watches it.
type stage struct {
	t *testing.T
	*rig.Guardian

	mu       sync.Mutex
	version  string
	switched time.Time
	nth      map[place]int
	off      bool // the guardian's line is cut
	kept     map[string]json.RawMessage
	acts     int // of the deploy tool, by the guardian
	play     func(moment) answer
}

// newStage sets a scenario up, with the shop at v1.
func newStage(t *testing.T, s scenario) *stage {
	t.Helper()
	st := &stage{t: t, version: "v1", switched: time.Now(), nth: map[place]int{}, kept: map[string]json.RawMessage{}, play: s.play}
	mux := http.NewServeMux()
	for _, p := range []place{storefront, other, outside} {
		mux.HandleFunc("GET "+string(p), func(w http.ResponseWriter, r *http.Request) {
			if _, ok := st.meet(w, r, p); ok {
				_, _ = io.WriteString(w, "ok\n")
			}
		})
	}
	mux.HandleFunc("POST /orders", st.push)
	mux.HandleFunc("GET /orders/{id}", st.see)
	mux.HandleFunc("DELETE /orders/{id}", st.clean)
	mux.HandleFunc("GET /traffic/api/v1/query", st.traffic)
	mux.HandleFunc("POST /deploys", st.back)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	line := newLine(t, server.Listener.Addr().String(), func() bool {
		st.mu.Lock()
		defer st.mu.Unlock()
		return st.off
	})
	program := binary
	if s.clock {
		var err error
		if program, err = rig.BuildWithClock(t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	st.Guardian = rig.New(t, program, strings.NewReplacer("SHOP", line, "TOOL", server.URL).Replace(s.config()), nil)
	return st
}

// meet plays a request to a place; it tells whether a good answer is to be given.
func (st *stage) meet(w http.ResponseWriter, r *http.Request, p place) (answer, bool) {
	st.mu.Lock()
	st.nth[p]++
	m := moment{at: p, version: st.version, nth: st.nth[p], since: time.Since(st.switched)}
	st.mu.Unlock()
	var a answer
	if st.play != nil {
		a = st.play(m)
	}
	if a.slow > 0 {
		select {
		case <-time.After(a.slow):
		case <-r.Context().Done():
			return a, false
		}
	}
	w.Header().Set("X-Version", m.version)
	if a.bad {
		http.Error(w, "orders are lost", http.StatusInternalServerError)
	}
	return a, !a.bad
}

func (st *stage) push(w http.ResponseWriter, r *http.Request) {
	a, ok := st.meet(w, r, orders)
	if !ok {
		return
	}
	body, err := io.ReadAll(r.Body)
	var o struct{ ID string }
	if err != nil || json.Unmarshal(body, &o) != nil {
		http.Error(w, "an order is a JSON object", http.StatusBadRequest)
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if !a.lost {
		st.kept[o.ID] = body
	}
	w.WriteHeader(http.StatusCreated)
}

func (st *stage) see(w http.ResponseWriter, r *http.Request) {
	st.mu.Lock()
	defer st.mu.Unlock()
	o, ok := st.kept[r.PathValue("id")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(o)
}

func (st *stage) clean(w http.ResponseWriter, r *http.Request) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.kept, r.PathValue("id"))
	w.WriteHeader(http.StatusNoContent)
}

// traffic answers as Prometheus does: a share of failed orders, and nothing when there are none.
func (st *stage) traffic(w http.ResponseWriter, _ *http.Request) {
	result := `[{"metric":{},"value":[1700000000,"0"]}]`
	if st.Version() != "v1" {
		result = "[]"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":`+result+`}}`)
}

// back is the deploy tool, called by the guardian.
func (st *stage) back(w http.ResponseWriter, r *http.Request) {
	var body struct{ Version string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	st.Switch(body.Version)
	st.mu.Lock()
	st.acts++
	st.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "{}")
}

// Version is what runs.
func (st *stage) Version() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.version
}

// Switch puts a version in place, and tells nobody.
func (st *stage) Switch(version string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.version, st.switched, st.nth = version, time.Now(), map[place]int{}
}

// Ship puts a version in place, announces it and gives its watch.
func (st *stage) Ship(version, previous string, more map[string]any) string {
	st.t.Helper()
	body := map[string]any{"previous_version": previous}
	maps.Copy(body, more)
	st.Switch(version)
	return st.Deploy(version, body)
}

// cut cuts the guardian's network path to everything that it looks at, or mends it.
func (st *stage) cut(off bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.off = off
}

// judged waits until a watch has judged so many looks.
func (st *stage) judged(watch string, looks int) {
	st.t.Helper()
	st.Eventually(fmt.Sprintf("%d judged looks", looks), func() bool { return judged(st.Watch(watch)) >= looks })
}

// seen waits until a check has looked so often.
func (st *stage) seen(check string, looks int) {
	st.t.Helper()
	st.Eventually(fmt.Sprintf("%d looks of %s", looks, check), func() bool {
		return st.Query(fmt.Sprintf(`count_over_time(probe_success{check=%q}[5m]) >= %d`, check, looks)) == 1
	})
}

// newLine is the way from the guardian to what it looks at: it passes connections on, or,
// while it is cut, breaks them at once, new ones and those that stand.
func newLine(t *testing.T, to string, cut func() bool) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { pass(in, to, cut) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

func pass(in net.Conn, to string, cut func() bool) {
	defer in.Close()
	if cut() {
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	var both sync.WaitGroup
	for _, c := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(c[0], c[1])
			_ = c[0].Close()
		})
	}
	both.Wait()
}
