package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// prom is a fake Prometheus that answers instant queries with one sample, until cut.
type prom struct {
	server *httptest.Server
	gone   atomic.Bool
}

func newProm(t *testing.T) *prom {
	t.Helper()
	p := &prom{}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if p.gone.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"orders_ok"},"value":[1700000000,"1"]}]}}`)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *prom) url() string { return p.server.URL }

func (p *prom) cut() { p.gone.Store(true) }
