package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// Warehouse stores orders. The shop forwards orders to it, and the guardian checks that they
// arrive. It is not restarted with the shop.
type Warehouse struct {
	mu     sync.Mutex
	orders map[string]json.RawMessage
}

// Handler serves PUT, GET and DELETE /orders/{id}.
func (w *Warehouse) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /orders/{id}", func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<16))
		if err != nil || !json.Valid(body) {
			http.Error(rw, "an order is a JSON object", http.StatusBadRequest)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.orders == nil {
			w.orders = map[string]json.RawMessage{}
		}
		w.orders[r.PathValue("id")] = body
		rw.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /orders/{id}", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		order, ok := w.orders[r.PathValue("id")]
		w.mu.Unlock()
		if !ok {
			http.Error(rw, "no such order", http.StatusNotFound)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(order)
	})
	mux.HandleFunc("DELETE /orders/{id}", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.orders, r.PathValue("id"))
		rw.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// Left returns the number of stored orders.
func (w *Warehouse) Left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.orders)
}

// Deployer is the shop's deploy tool: it runs one version of the shop as a child process and
// replaces it on request, once per idempotency key.
type Deployer struct {
	// Command returns the command that runs the shop in a version on an address.
	Command   func(ctx context.Context, version, listen, warehouse string) *exec.Cmd
	Warehouse string
	// Deployed is called after each switch; may be nil.
	Deployed func(version string)

	mu      sync.Mutex
	listen  string
	version string
	cmd     *exec.Cmd
	stdin   io.Closer
	jobs    map[string]*job
}

type job struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Status  string `json:"status"` // running, done, failed
	Error   string `json:"error,omitempty"`
}

// Addr returns the shop's address, the same for every version.
func (d *Deployer) Addr() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listen
}

// Version returns the running version.
func (d *Deployer) Version() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.version
}

// Deploy stops the running version, starts another one and waits until it answers.
func (d *Deployer) Deploy(ctx context.Context, version string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listen == "" {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a port for the shop: %w", err)
		}
		d.listen = l.Addr().String()
		if err := l.Close(); err != nil {
			return err
		}
	}
	d.stopLocked()
	cmd := d.Command(context.WithoutCancel(ctx), version, d.listen, d.Warehouse)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the shop: %w", err)
	}
	d.cmd, d.stdin, d.version = cmd, stdin, version
	if err := d.waitUp(ctx); err != nil {
		return err
	}
	if d.Deployed != nil {
		d.Deployed(version)
	}
	return nil
}

func (d *Deployer) waitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.listen+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the shop does not answer on %s: %w", d.listen, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *Deployer) stopLocked() {
	if d.cmd == nil {
		return
	}
	_ = d.stdin.Close()
	done := make(chan struct{})
	go func() { _ = d.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		_ = d.cmd.Process.Kill()
		<-done
	}
	d.cmd = nil
}

// Stop ends the running version.
func (d *Deployer) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopLocked()
}

// Handler serves POST /deploys {"version"} with an Idempotency-Key, and GET /deploys/{id}.
func (d *Deployer) Handler() http.Handler {
	var mu sync.Mutex
	answer := func(w http.ResponseWriter, status int, j job) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(j)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /deploys", func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Version string `json:"version"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&req); err != nil || req.Version == "" {
			http.Error(w, `send {"version": "v1"}`, http.StatusBadRequest)
			return
		}
		key := r.Header.Get("Idempotency-Key")
		if key == "" {
			http.Error(w, "send an Idempotency-Key", http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if d.jobs == nil {
			d.jobs = map[string]*job{}
		}
		j, seen := d.jobs[key]
		if !seen {
			j = &job{ID: key, Version: req.Version, Status: "running"}
			d.jobs[key] = j
			go func() {
				err := d.Deploy(context.WithoutCancel(r.Context()), req.Version)
				mu.Lock()
				defer mu.Unlock()
				j.Status = "done"
				if err != nil {
					j.Status, j.Error = "failed", err.Error()
				}
			}()
		}
		answer(w, http.StatusAccepted, *j)
	})
	mux.HandleFunc("GET /deploys/{id}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		j, ok := d.jobs[r.PathValue("id")]
		if !ok {
			http.Error(w, "no such deploy", http.StatusNotFound)
			return
		}
		answer(w, http.StatusOK, *j)
	})
	return mux
}

// Serve serves a handler on a free loopback port until ctx ends. It returns the base URL.
func Serve(ctx context.Context, h http.Handler) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("demo: listen: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	go func() {
		if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			panic(err) // cannot happen: the listener is open until srv.Close
		}
	}()
	return "http://" + l.Addr().String(), nil
}
