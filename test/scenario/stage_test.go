//go:build !race

package scenario_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/test/proxy"
	"guardian/test/rig"
)

// place is a URL of the shop.
type place string

const (
	storefront place = "/storefront"
	orders     place = "/orders"
	other      place = "/other"   // the storefront of another shop
	outside    place = "/outside" // a third party's, which no deploy of ours can break
)

// request is one request to the shop.
type request struct {
	at      place
	version string
	nth     int           // its number at this place since the switch, from 1
	since   time.Duration // since the switch
}

// answer is how the shop answers; the zero value is a good answer at once.
type answer struct {
	bad  bool          // it answers 500
	slow time.Duration // before it answers
	lost bool          // an order is accepted and lost
}

// stage is a simulated shop with its deploy tool, and the guardian that watches it.
type stage struct {
	t *testing.T
	*rig.Guardian
	path *proxy.Proxy // from the guardian to everything that it looks at

	mu       sync.Mutex
	version  string
	switched time.Time
	back     time.Time // until then nothing answers
	nth      map[place]int
	kept     map[string]json.RawMessage
	play     func(request) answer
}

// newStage sets a scenario up, with the shop at v1.
func newStage(t *testing.T, s scenario) *stage {
	t.Helper()
	st := &stage{t: t, version: "v1", switched: time.Now(), nth: map[place]int{}, kept: map[string]json.RawMessage{}, play: s.play}
	mux := http.NewServeMux()
	for _, p := range []place{storefront, other, outside} {
		mux.HandleFunc("GET "+string(p), func(w http.ResponseWriter, r *http.Request) {
			if _, ok := st.respond(w, r, p); ok {
				_, _ = io.WriteString(w, "ok\n")
			}
		})
	}
	mux.HandleFunc("POST /orders", st.push)
	mux.HandleFunc("GET /orders/{id}", st.see)
	mux.HandleFunc("DELETE /orders/{id}", st.clean)
	mux.HandleFunc("GET /traffic/api/v1/query", st.traffic)
	mux.HandleFunc("POST /deploys", st.deploy)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	st.path = proxy.New(t, server.Listener.Addr().String())
	program := binary
	if s.clock {
		var err error
		if program, err = rig.BuildWithClock(t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{}
	if s.rules != "" {
		files["rules.yaml"] = s.rules
	}
	st.Guardian = rig.New(t, program, strings.NewReplacer("SHOP", "http://"+st.path.Addr, "TOOL", server.URL).Replace(s.config()), files)
	return st
}

// respond handles what all places have in common: it counts the request, waits, and answers errors.
// ok: the caller gives a good answer.
func (st *stage) respond(w http.ResponseWriter, r *http.Request, p place) (_ answer, ok bool) {
	st.mu.Lock()
	st.nth[p]++
	if time.Now().Before(st.back) {
		st.mu.Unlock()
		http.Error(w, "nothing answers", http.StatusServiceUnavailable) // as what stands before it says
		return answer{}, false
	}
	m := request{at: p, version: st.version, nth: st.nth[p], since: time.Since(st.switched)}
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
	a, ok := st.respond(w, r, orders)
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

// traffic answers a query as Prometheus does: with the share of failed orders, or with an empty
// result after a deploy, when there are no orders.
func (st *stage) traffic(w http.ResponseWriter, _ *http.Request) {
	result := `[{"metric":{},"value":[1700000000,"0"]}]`
	if st.Version() != "v1" {
		result = "[]"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":`+result+`}}`)
}

// deploy is the deploy tool, which the guardian calls to roll back.
func (st *stage) deploy(w http.ResponseWriter, r *http.Request) {
	var body struct{ Version string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	st.Switch(body.Version)
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "{}")
}

// Version returns the version that runs.
func (st *stage) Version() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.version
}

// Switch deploys a version without announcing it.
func (st *stage) Switch(version string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.version, st.switched, st.nth = version, time.Now(), map[place]int{}
}

// Restart deploys a version; until it has started, nothing answers.
func (st *stage) Restart(version string, down time.Duration) {
	st.Switch(version)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.back = st.switched.Add(down)
}

// Ship deploys a version, announces it and returns the ID of its watch.
func (st *stage) Ship(version, previous string, more map[string]any) string {
	st.t.Helper()
	body := map[string]any{"previous_version": previous}
	maps.Copy(body, more)
	st.Switch(version)
	return st.Deploy(version, body)
}

// waitJudged waits until a watch has judged a number of looks.
func (st *stage) waitJudged(watch string, looks int) {
	st.t.Helper()
	st.Eventually(fmt.Sprintf("%d judged looks", looks), func() bool { return judged(st.Watch(watch)) >= looks })
}

// waitLooks waits until a check has looked a number of times.
func (st *stage) waitLooks(check string, looks int) {
	st.t.Helper()
	st.Eventually(fmt.Sprintf("%d looks of %s", looks, check), func() bool {
		return st.Query(fmt.Sprintf(`count_over_time(probe_success{check=%q}[5m]) >= %d`, check, looks)) == 1
	})
}
