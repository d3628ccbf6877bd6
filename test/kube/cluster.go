package kube

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Options say where the servers are.
type Options struct {
	// Programs is the folder with the programs of test/k8s; "": recordings are played.
	Programs string
	// Record writes recordings anew.
	Record bool
	// Module is the go.mod that pins the servers' version.
	Module string
	// Recordings is the folder of the recordings.
	Recordings string
	// Apart: what the step asks the API server is recorded elsewhere.
	Apart bool
}

// Cluster is a cluster, or the recordings of one.
type Cluster struct {
	o       Options
	version string
	servers *servers // nil: recordings are played
}

// Start starts a cluster that ends with the test.
func Start(t *testing.T, o Options) *Cluster {
	t.Helper()
	c := &Cluster{o: o, version: pinned(t, o.Module)}
	if o.Programs != "" {
		c.servers = startServers(t, o.Programs)
	}
	return c
}

// Live tells whether the cluster is real.
func (c *Cluster) Live() bool { return c.servers != nil }

var pin = regexp.MustCompile(`(?m)^\s*(?:require )?k8s\.io/kubernetes (v\S+)`)

// pinned reads the version of the servers.
func pinned(t *testing.T, module string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Clean(module))
	if err != nil {
		t.Fatal(err)
	}
	m := pin.FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s requires no k8s.io/kubernetes", module)
	}
	return string(m[1])
}

// Freeze stops the controllers until the function that it gives is called.
func (c *Cluster) Freeze(t *testing.T) (thaw func()) {
	t.Helper()
	if !c.Live() {
		return func() {}
	}
	return c.servers.freeze(t)
}
