package server

import (
	"net"
	"net/http"
	"testing"
)

// TestConnectionsThatAreIdleMakeRoom: the one that was idle for longest goes first, and none that is asking
// something.
func TestConnectionsThatAreIdleMakeRoom(t *testing.T) {
	c := newConnections(6)
	closed := map[int]bool{}
	all := make([]*conn, 9)
	for i := range all {
		all[i] = &conn{close: func() { closed[i] = true }}
	}
	for i := range 3 {
		c.changed(all[i], http.StateNew)
	}
	c.changed(all[0], http.StateActive)
	c.changed(all[3], http.StateNew) // 1 is idle for longest
	c.changed(all[1], http.StateClosed)
	c.changed(all[2], http.StateActive)
	c.changed(all[2], http.StateIdle)
	c.changed(all[4], http.StateNew) // then 3
	c.changed(all[2], http.StateActive)
	c.changed(all[4], http.StateActive)
	c.changed(all[5], http.StateNew) // nobody is idle but itself
	c.changed(all[0], http.StateClosed)
	c.changed(all[6], http.StateNew) // there is room
	for i, want := range []bool{false, true, false, true, false, true, false} {
		if closed[i] != want {
			t.Errorf("connection %d is closed: %v", i, closed[i])
		}
	}
	if few := newConnections(1); few.most < 1 {
		t.Error("nobody may connect")
	}
}

type conn struct {
	net.Conn
	close func()
}

func (c *conn) Close() error { c.close(); return nil }
