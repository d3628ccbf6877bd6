package hostile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"guardian/test/hostile/answers"
	"guardian/test/process"
	"guardian/test/program"
)

// writer is a program that writes series without end. It is a process of its own, with a lower priority than the
// guardian: elsewhere it would take none of the processors that the guardian has.
type writer struct {
	input   io.WriteCloser
	written atomic.Bool // all different series were written once
	over    chan struct{}
	answers answers.Writer // once over
}

// newWriter starts the program, and waits until its requests are made.
func newWriter(tb testing.TB, url string, o Options) *writer {
	tb.Helper()
	flood, err := program.Build(filepath.Join(tb.TempDir(), "flood"), "guardian/test/hostile/flood", []string{"CGO_ENABLED=0"}, "-trimpath")
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("nice", "-n", "10", flood.Path, "-url", url, "-series", fmt.Sprint(o.Series), "-connections", fmt.Sprint(o.Writers)) //nolint:gosec // our own program
	w := &writer{over: make(chan struct{})}
	if w.input, err = cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p, err := process.Start(cmd)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Kill)
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != answers.Ready {
		tb.Fatalf("the writer says %q, %v", lines.Text(), lines.Err())
	}
	go w.hear(lines)
	return w
}

func (w *writer) hear(lines *bufio.Scanner) {
	defer close(w.over)
	for lines.Scan() {
		if lines.Text() == answers.Written {
			w.written.Store(true)
			continue
		}
		_ = json.Unmarshal(lines.Bytes(), &w.answers) // an answer that is missing is wrong
	}
}

// begin lets it write.
func (w *writer) begin() { _, _ = fmt.Fprintln(w.input) }

// end waits until it writes no more, and gives how it was answered.
func (w *writer) end() answers.Writer {
	_ = w.input.Close()
	<-w.over
	return w.answers
}
