package proxy

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy forwards connections to one address.
type Proxy struct {
	Addr string // where it listens, host:port

	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	cut      bool
	drop     func(n int) bool
	accepted int
	open     map[net.Conn]bool
}

// New starts a proxy to an address, host:port, that ends with the test.
func New(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, listener: l, open: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	tb.Cleanup(func() {
		_ = l.Close()
		p.Cut()
		p.running.Wait()
	})
	return p
}

// Cut closes all connections, and each new one at once, until Mend.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.open {
		_ = c.Close()
	}
}

// Mend forwards connections again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}

// Drop closes the nth connection, counted from 1, at once where drop returns true.
func (p *Proxy) Drop(drop func(n int) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop = drop
}

func (p *Proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.forward(in) })
	}
}

func (p *Proxy) forward(in net.Conn) {
	defer in.Close()
	if !p.admit(in) {
		return
	}
	defer p.forget(in)
	out, err := net.Dial("tcp", p.target)
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

// admit tells whether a new connection is forwarded.
func (p *Proxy) admit(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted++
	if p.cut || p.drop != nil && p.drop(p.accepted) {
		return false
	}
	p.open[c] = true
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}
