// Command player stands in for a program of which package playback has a recording, or runs the real one and
// records what it says.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"guardian/test/playback"
)

func main() {
	code, err := run(os.Getenv(playback.Folder), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error: player:", err)
		code = 99
	}
	os.Exit(code)
}

// player is one run.
type player struct {
	dir  string
	args []string // without what differs from run to run
	asks bool
}

func run(dir string, args []string) (int, error) {
	p := player{dir: dir, args: slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "--kubeconfig=") })}
	text, err := os.ReadFile(filepath.Join(dir, playback.AsksFile))
	if err != nil {
		return 0, err
	}
	var asks []string
	if err := json.Unmarshal(text, &asks); err != nil {
		return 0, err
	}
	p.asks = slices.Contains(asks, args[0])
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	if !p.asks {
		if err := p.add(playback.BusyFile, p.args); err != nil {
			return 0, err
		}
	}
	if program, err := os.ReadFile(filepath.Join(dir, playback.RealFile)); err == nil {
		return p.record(string(program), args)
	}
	r, err := p.answer()
	if err != nil {
		return 0, err
	}
	if r.Killed {
		<-terminated
		return 1, nil
	}
	_, _ = os.Stdout.WriteString(r.Stdout)
	_, _ = os.Stderr.WriteString(r.Stderr)
	return r.Code, nil
}

// record runs the real program. SIGTERM reaches it as it reaches this process: they are of one group.
func (p player) record(program string, args []string) (int, error) {
	var out, said bytes.Buffer
	cmd := exec.Command(program, args...) //nolint:gosec // the program of the test, which ends it
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	r := playback.Run{Args: p.args, Stdout: out.String(), Stderr: said.String()}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && !exit.Exited():
		r.Killed = true
	case exit != nil:
		r.Code = exit.ExitCode()
	case err != nil:
		return 0, err
	}
	_, _ = os.Stdout.Write(out.Bytes())
	_, _ = os.Stderr.Write(said.Bytes())
	if r.Killed {
		return 1, p.add(playback.LogFile, r)
	}
	return r.Code, p.add(playback.LogFile, r)
}

// answer gives what was answered next to these arguments, or at last when the run only asks.
func (p player) answer() (playback.Run, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, playback.TapeFile))
	if err != nil {
		return playback.Run{}, err
	}
	var rec playback.Recording
	if err := json.Unmarshal(text, &rec); err != nil {
		return playback.Run{}, err
	}
	same := slices.DeleteFunc(rec.Runs, func(r playback.Run) bool { return !slices.Equal(r.Args, p.args) })
	n, err := p.next()
	if err != nil {
		return playback.Run{}, err
	}
	if len(same) == 0 || n >= len(same) && !p.asks {
		return playback.Run{}, fmt.Errorf("the recording has no answer to run %d of %v; run make test-k8s RECORD=1", n+1, p.args)
	}
	return same[min(n, len(same)-1)], nil
}

// next counts the runs with these arguments before this one.
func (p player) next() (int, error) {
	line, err := json.Marshal(p.args)
	if err != nil {
		return 0, err
	}
	f, err := p.open(playback.NextFile)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	before, err := io.ReadAll(f)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	return bytes.Count(before, append(line, '\n')), err
}

// add appends a line.
func (p player) add(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := p.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.Write(append(text, '\n'))
	return err
}

// open opens a file that other runs write, too, and locks it until it is closed.
func (p player) open(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(p.dir, name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return f, syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}
