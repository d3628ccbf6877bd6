package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// maxHeader bounds the headers of a request, in bytes.
	maxHeader = 64 << 10
	// lastAnswers is how long Close waits for requests under way.
	lastAnswers = 5 * time.Second
)

// Port is where a guardian is reached. It is bound before anything is answered, so that two guardians with
// one address cannot both start.
type Port struct {
	listener net.Listener
	http     *http.Server
	serving  sync.WaitGroup
}

// Certificate names the files of a certificate and its key.
type Certificate struct{ Cert, Key string }

// Listen binds an address, as host:port.
func Listen(ctx context.Context, address string) (*Port, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w; is another guardian running on %s?", err, address)
	}
	return &Port{listener: l, http: &http.Server{
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		ConnState: newConnections(mostFiles()).changed,
	}}, nil
}

// Addr is the address that was bound, as host:port.
func (p *Port) Addr() string { return p.listener.Addr().String() }

// URL gives a URL with the port that was bound, where the configuration leaves the choice to the machine
// (port 0): then the URL ends with the address that was to be bound.
func (p *Port) URL(url, address string) string {
	url = strings.TrimRight(url, "/")
	if base, ok := strings.CutSuffix(url, address); ok {
		return base + p.Addr()
	}
	return url
}

// Serve begins to answer, by HTTPS with a certificate and by HTTP with nil.
func (p *Port) Serve(h http.Handler, with *Certificate, log *slog.Logger) {
	p.http.Handler, p.http.ErrorLog = h, slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	p.serving.Go(func() {
		var err error
		if with != nil {
			err = p.http.ServeTLS(p.listener, with.Cert, with.Key)
		} else {
			err = p.http.Serve(p.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			log.Error("serving pages and API ended", "error", err)
		}
	})
}

// Close gives the port back. Requests under way are waited for a little. It may be called again.
func (p *Port) Close(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, lastAnswers)
	defer cancel()
	err := p.http.Shutdown(short)
	if err != nil {
		err = p.http.Close()
	}
	p.serving.Wait()
	if closed := p.listener.Close(); !errors.Is(closed, net.ErrClosed) { // where nothing was served
		err = errors.Join(err, closed)
	}
	return err
}
