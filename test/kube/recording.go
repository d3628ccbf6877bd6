package kube

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// recording is a test's file.
type recording struct {
	Kubernetes string            `json:"kubernetes"`
	Exchanges  []exchange        `json:"exchanges"` // of the step, in order
	Seen       []json.RawMessage `json:"seen"`      // what the test saw of the cluster, in order
}

// exchange is one request and its answer.
type exchange struct {
	Request string          `json:"request"` // method and path
	Body    json.RawMessage `json:"body,omitempty"`
	Status  int             `json:"status"`
	Answer  json.RawMessage `json:"answer"`
}

// text is the recording with a line for each exchange.
func (r recording) text() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	for _, begin := range []string{`{"request":`, `],"seen":`} {
		text = bytes.ReplaceAll(text, []byte(begin), []byte("\n"+begin))
	}
	return append(text, '\n'), nil
}

// tape is a recording as it is written or played.
type tape struct {
	mu     sync.Mutex
	rec    recording
	next   map[string]int // by request: which of its answers comes next
	seen   int
	played bool
}

func (c *Cluster) file(t *testing.T) string {
	t.Helper()
	name := strings.NewReplacer("/", "_", " ", "_", "'", "", ",", "").Replace(t.Name())
	return filepath.Join(c.o.Recordings, name+".json")
}

// tape opens the recording of a test: to be played, or to be written at its end.
func (c *Cluster) tape(t *testing.T) *tape {
	t.Helper()
	tp := &tape{next: map[string]int{}, played: !c.Live(), rec: recording{Kubernetes: c.version}}
	path := c.file(t)
	if tp.played {
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &tp.rec)
		}
		if err != nil {
			t.Fatalf("there is no recording of this test: %v; run make test-k8s RECORD=1", err)
		}
		if tp.rec.Kubernetes != c.version {
			t.Fatalf("%s was recorded of Kubernetes %s, and %s is pinned; run make test-k8s RECORD=1", path, tp.rec.Kubernetes, c.version)
		}
		return tp
	}
	if c.o.Record {
		t.Cleanup(func() {
			if t.Failed() {
				return
			}
			text, err := tp.rec.text()
			if err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	return tp
}

// add records an exchange.
func (tp *tape) add(e exchange) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	e.Answer = lean(e.Answer)
	tp.rec.Exchanges = append(tp.rec.Exchanges, e)
}

// play gives the answer to a request: what was answered to it next, or at last. A write must be the
// one that was recorded.
func (tp *tape) play(request string, body []byte) (exchange, string) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var all []exchange
	for _, e := range tp.rec.Exchanges {
		if e.Request == request {
			all = append(all, e)
		}
	}
	i := tp.next[request]
	if write := len(body) > 0; len(all) == 0 || write && i >= len(all) {
		return exchange{}, "the recording has no answer to " + request
	}
	e := all[min(i, len(all)-1)]
	tp.next[request] = i + 1
	if len(body) > 0 && !bytes.Equal(compact(body), compact(e.Body)) {
		return exchange{}, "another body than the recorded one: " + string(body)
	}
	return e, ""
}

// saw keeps what the test saw, or gives what was seen when it was recorded.
func (tp *tape) saw(t *testing.T, body []byte) []byte {
	t.Helper()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if !tp.played {
		body = lean(body)
		tp.rec.Seen = append(tp.rec.Seen, body)
		return body
	}
	if tp.seen >= len(tp.rec.Seen) {
		t.Fatal("the recording ends before the test; run make test-k8s RECORD=1")
	}
	tp.seen++
	return tp.rec.Seen[tp.seen-1]
}

func compact(body []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, body) != nil {
		return body
	}
	return b.Bytes()
}

// lean takes out of an answer what is long and read by nobody: of the fields that each program
// manages, all below the second level.
func lean(body []byte) []byte {
	var v any
	if json.Unmarshal(body, &v) != nil {
		text, _ := json.Marshal(string(body))
		return text
	}
	strip(v)
	text, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return text
}

func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		if fields, ok := v["fieldsV1"].(map[string]any); ok {
			for _, first := range fields {
				below, _ := first.(map[string]any)
				for name := range below {
					below[name] = map[string]any{}
				}
			}
			return
		}
		for _, one := range v {
			strip(one)
		}
	case []any:
		for _, one := range v {
			strip(one)
		}
	}
}

func requestOf(r *http.Request) string {
	q := r.URL.Query()
	q.Del("timeout")
	if len(q) == 0 {
		return r.Method + " " + r.URL.Path
	}
	return r.Method + " " + r.URL.Path + "?" + q.Encode()
}
