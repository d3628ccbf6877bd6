package server

import (
	linked "container/list"
	"net"
	"net/http"
	"sync"
)

// connections leaves room for the sockets and files of the guardian's own work: beyond so many connections of
// callers, the one that has been idle for longest is closed for a new one, or the new one where none is idle.
type connections struct {
	most int

	mu   sync.Mutex
	open map[net.Conn]*linked.Element // the place in idle; nil: a request is under way
	idle *linked.List                 // of net.Conn, those that waited for longest first
}

// mostConnections is how many callers may be connected where the system allows more files than that.
const mostConnections = 10_000

// newConnections makes it for a system that lets the process have so many files; 0: it is not known.
func newConnections(files uint64) *connections {
	most := mostConnections
	if files > 0 {
		most = min(most, max(int(files/2), 1)) //nolint:gosec // of a number of files
	}
	return &connections{most: most, open: map[net.Conn]*linked.Element{}, idle: linked.New()}
}

// changed is http.Server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.open[conn]; at != nil {
		c.idle.Remove(at)
		c.open[conn] = nil
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.idle.PushBack(conn)
	case http.StateActive:
		c.open[conn] = nil
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
		return
	}
	if state != http.StateNew || len(c.open) <= c.most {
		return
	}
	oldest := c.idle.Remove(c.idle.Front()).(net.Conn)
	delete(c.open, oldest)
	_ = oldest.Close()
}
