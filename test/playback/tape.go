package playback

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/test/program"
)

// Folder is the environment variable by which the player finds the tape's folder.
const Folder = "GUARDIAN_TEST_TAPE"

// Run is one run of the program.
type Run struct {
	Args   []string `json:"args"`
	Stdout string   `json:"stdout,omitempty"`
	Stderr string   `json:"stderr,omitempty"`
	Code   int      `json:"code,omitempty"`
	Killed bool     `json:"killed,omitempty"` // by SIGTERM, while it worked
}

// Recording is a test's file.
type Recording struct {
	Version string      `json:"version"`
	Times   []time.Time `json:"times"` // what the test's clock told, in order
	Runs    []Run       `json:"runs"`
}

// Files of the tape's folder, which the player reads and writes.
const (
	RealFile = "real" // the real program's path; missing: the recording is played
	TapeFile = "tape" // the recording that is played
	LogFile  = "log"  // a line for each run that came to its end
	BusyFile = "busy" // a line for each run that began and does more than ask
	NextFile = "next" // by arguments: the arguments of each run that was played
	AsksFile = "asks" // the first arguments of runs that only ask
)

// Options say what is played.
type Options struct {
	Real       string   // the real program; "": recordings are played
	Record     bool     // write the recordings anew
	Version    string   // the pinned version
	Recordings string   // the folder of the recordings
	Asks       []string // first arguments of runs that only ask
}

// Tape is the program of one test.
type Tape struct {
	Path string            // of what the step runs
	Env  map[string]string // of which the program needs these

	t   *testing.T
	o   Options
	dir string

	mu  sync.Mutex
	rec Recording
	at  int
}

// Player compiles what stands in for the program.
func Player(t *testing.T) string {
	t.Helper()
	p, err := program.Build(filepath.Join(t.TempDir(), "player"), "guardian/test/playback/player", []string{"CGO_ENABLED=0"})
	if err == nil {
		err = p.Used()
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.Path
}

// Open gives a test its program.
func Open(t *testing.T, player string, o Options) *Tape {
	t.Helper()
	dir := t.TempDir()
	tp := &Tape{Path: player, Env: map[string]string{Folder: dir}, t: t, o: o, dir: dir, rec: Recording{Version: o.Version}}
	asks, err := json.Marshal(o.Asks)
	if err != nil {
		t.Fatal(err)
	}
	tp.write(AsksFile, asks)
	file := filepath.Join(o.Recordings, strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())+".json")
	if o.Real != "" {
		tp.write(RealFile, []byte(o.Real))
		if o.Record {
			t.Cleanup(func() { tp.save(file) })
		}
		return tp
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &tp.rec)
	}
	if err != nil {
		t.Fatalf("there is no recording of this test: %v; run make test-k8s RECORD=1", err)
	}
	if tp.rec.Version != o.Version {
		t.Fatalf("%s was recorded of version %s, and %s is pinned; run make test-k8s RECORD=1", file, tp.rec.Version, o.Version)
	}
	tp.write(TapeFile, text)
	return tp
}

func (tp *Tape) write(name string, text []byte) {
	tp.t.Helper()
	if err := os.WriteFile(filepath.Join(tp.dir, name), text, 0o600); err != nil {
		tp.t.Fatal(err)
	}
}

// lines reads what the player wrote.
func (tp *Tape) lines(name string) [][]byte {
	text, err := os.ReadFile(filepath.Join(tp.dir, name))
	if err != nil {
		return nil
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

// Now tells the time, or the one that was told when it was recorded.
func (tp *Tape) Now() time.Time {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if tp.o.Real != "" {
		now := time.Now().UTC()
		tp.rec.Times = append(tp.rec.Times, now)
		return now
	}
	if len(tp.rec.Times) == 0 {
		return time.Time{}
	}
	tp.at++
	return tp.rec.Times[min(tp.at, len(tp.rec.Times))-1]
}

// Acts tells how often the program began to do more than ask.
func (tp *Tape) Acts() int { return len(tp.lines(BusyFile)) }

// save writes the recording of a test that went well.
func (tp *Tape) save(file string) {
	if tp.t.Failed() {
		return
	}
	for _, line := range tp.lines(LogFile) {
		var run Run
		if err := json.Unmarshal(line, &run); err != nil {
			tp.t.Error(err)
			return
		}
		tp.rec.Runs = append(tp.rec.Runs, run)
	}
	text, err := json.Marshal(tp.rec)
	if err == nil {
		text = bytes.ReplaceAll(text, []byte(`{"args":`), []byte("\n"+`{"args":`))
		err = os.WriteFile(file, append(text, '\n'), 0o600)
	}
	if err != nil {
		tp.t.Error(err)
	}
}
