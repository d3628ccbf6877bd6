package deploytool

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Job is one rollback that a tool was asked for.
type Job struct {
	Version, Intent string
	Looks           int // how often somebody has looked at it
}

// Tool is a deploy tool.
type Tool struct {
	*httptest.Server
	// Host is the address in the runbook in whose place the tool's own comes.
	Host string
	// Env are the variables that the runbook reads.
	Env map[string]string

	mux   *http.ServeMux
	mu    sync.Mutex
	jobs  []*Job
	fails bool // jobs end badly
	hides int  // for how many looks a new job is not listed yet
	loses bool // the answer to the next order, which is obeyed
}

// Options is how a tool behaves.
type Options struct {
	Fails bool // jobs end badly
	Hides int  // for how many lists a new job is missing in them
	Loses bool // the answers to orders are lost; the orders are obeyed
}

func newTool(t *testing.T, host string, o Options) *Tool {
	t.Helper()
	return &Tool{mux: http.NewServeMux(), Host: host, Env: map[string]string{}, fails: o.Fails, hides: o.Hides, loses: o.Loses}
}

func (tool *Tool) serve(t *testing.T) *Tool {
	t.Helper()
	tool.Server = httptest.NewServer(tool.mux)
	t.Cleanup(tool.Close)
	return tool
}

// Jobs gives what the tool was asked for.
func (tool *Tool) Jobs() []Job {
	tool.mu.Lock()
	defer tool.mu.Unlock()
	var all []Job
	for _, j := range tool.jobs {
		all = append(all, *j)
	}
	return all
}

// Finish takes every job to its end.
func (tool *Tool) Finish() {
	tool.mu.Lock()
	defer tool.mu.Unlock()
	for _, j := range tool.jobs {
		j.Looks += 100
	}
}

// order takes a job, under mu. It does not return when the answer is to be lost.
func (tool *Tool) order(version, intent string) int {
	tool.jobs = append(tool.jobs, &Job{Version: version, Intent: intent})
	if tool.loses {
		panic(http.ErrAbortHandler)
	}
	return len(tool.jobs)
}

// looked counts a look, under mu, and gives how many there were before.
func (j *Job) looked() int {
	j.Looks++
	return j.Looks - 1
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type object = map[string]any
