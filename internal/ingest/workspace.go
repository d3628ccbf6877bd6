package ingest

import (
	"bytes"
	"runtime"
	"sync"

	"github.com/golang/snappy"

	"guardian/internal/series"
)

// workspace is where one request is decoded and stored, with memory that the next request uses again.
type workspace struct {
	body    []byte // uncompressed
	decoder decoder
	points  []series.Point
}

// workspaces are as many as requests are worked on at once: half of the cores, so that the other half is there
// for looks, rules and notices whatever is written.
type workspaces chan *workspace

func newWorkspaces(n int) workspaces {
	if n <= 0 {
		n = max(1, runtime.GOMAXPROCS(0)/2)
	}
	w := make(workspaces, n)
	for range n {
		w <- &workspace{}
	}
	return w
}

// Memory beyond these sizes is not kept for the next request.
const (
	keptBody   = 2 << 20 // bytes
	keptPoints = 20_000
)

// done gives a workspace back.
func (w workspaces) done(one *workspace) {
	if cap(one.body) > keptBody {
		one.body = nil
	}
	clear(one.points) // its series may be gone before the next request
	if one.points = one.points[:0]; cap(one.points) > keptPoints {
		one.points = nil
	}
	one.decoder = one.decoder.emptied()
	w <- one
}

// uncompress fills the workspace with a body of a length that is allowed.
func (w *workspace) uncompress(packed []byte) error {
	body, err := snappy.Decode(w.body[:cap(w.body)], packed)
	if err != nil {
		return err
	}
	w.body = body
	return nil
}

// bodies is memory for compressed bodies, while they are read and until they are uncompressed.
type bodies struct{ pool sync.Pool }

func (b *bodies) get() *bytes.Buffer {
	if one, ok := b.pool.Get().(*bytes.Buffer); ok {
		return one
	}
	return &bytes.Buffer{}
}

func (b *bodies) put(one *bytes.Buffer) {
	if one.Cap() > keptBody {
		return
	}
	one.Reset()
	b.pool.Put(one)
}
