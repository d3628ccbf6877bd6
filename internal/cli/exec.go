package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// The exit codes of a command that could not be run, as shells have them.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // and the signal's number
)

// command is the one that deploys.
type command struct {
	args    []string
	signals chan os.Signal // before it begins they keep it from beginning; then they are passed on to it
	started bool
}

// newCommand gives the command of a command line; its caller ends it. A program that is not there is
// noticed before anything is announced.
func newCommand(args []string) (*command, error) {
	if _, err := exec.LookPath(args[0]); err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, exit(startStatus(err), "%s: nothing was deployed, and nothing was announced", err)
	}
	c := &command{args: args, signals: make(chan os.Signal, 8)}
	signal.Notify(c.signals, syscall.SIGINT, syscall.SIGTERM)
	return c, nil
}

func (c *command) end() { signal.Stop(c.signals) }

// startStatus is the exit status for a program that could not be started.
func startStatus(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return exitNotFound
	}
	return exitNotExecutable
}

// interrupted is the exit status that a signal gives that came before the command began; 0: none did.
func (c *command) interrupted(ctx context.Context) int {
	if c == nil || !errors.Is(ctx.Err(), context.Canceled) {
		return 0 // --wait-timeout, which does not keep a deploy from happening
	}
	select {
	case sig := <-c.signals:
		if n, ok := sig.(syscall.Signal); ok {
			return exitSignal + int(n)
		}
	case <-time.After(time.Second): // it was this program that was told, in another way
	}
	return exitSignal + int(syscall.SIGTERM)
}

// run runs the command with the streams of this one, and gives its exit status. Signals are passed
// on to it; it decides when it ends.
func (c *command) run(s streams) (status int, err error) {
	p := exec.Command(c.args[0], c.args[1:]...) //nolint:noctx // it ends by itself: signals are passed on
	p.Stdin, p.Stdout, p.Stderr = s.in, s.out, s.err
	signal.Notify(c.signals, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	if err := p.Start(); err != nil {
		return startStatus(err), err
	}
	c.started = true
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = p.Wait()
	}()
	for {
		select {
		case sig := <-c.signals:
			// A terminal sends these to the command, too: twice would be a different message.
			if fromTerminal := (sig == syscall.SIGINT || sig == syscall.SIGQUIT) && isTerminal(s.in); !fromTerminal {
				_ = p.Process.Signal(sig)
			}
		case <-ended:
			return exitStatus(p.ProcessState, err)
		}
	}
}

// exitStatus gives the exit status of a command that has ended, that of shells for one that a signal
// ended. err says more only when there is no status.
func exitStatus(state *os.ProcessState, err error) (int, error) {
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) && state.ExitCode() <= 0 {
		return exitFailed, err // its streams broke
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return exitSignal + int(ws.Signal()), nil
	}
	return state.ExitCode(), nil
}

func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// deploy announces that the deploy begins, runs the command that deploys, and announces its end. A
// guardian that does not answer does not keep the deploy from happening: it is announced
// afterwards. A signal that comes before the command began does.
func (f *watchFlags) deploy(ctx context.Context, s streams, api *client, c *command) (w watchAnswer, raw []byte, err error) {
	f.phase = "start"
	first := time.Now()
	w, raw, deploy, err := f.announce(ctx, s, api, startRetries)
	var p *problem
	if errors.As(err, &p) && final(err) {
		return w, nil, exit(exitUsage, "%s", err) // such as a service that is not known: nothing was deployed
	}
	begun := err == nil
	if status := c.interrupted(ctx); status != 0 {
		if begun {
			f.withdraw(context.WithoutCancel(ctx), s, api, deploy, status)
		}
		return w, nil, exit(status, "interrupted before the command began: nothing was deployed")
	}
	if !begun {
		_, _ = io.WriteString(s.err, "guardian: "+err.Error()+"; deploying all the same, and announcing it afterwards\n")
	}
	status, err := c.run(s)
	// Signals were meant for the command; what follows must be told all the same.
	ctx = context.WithoutCancel(ctx)
	if !c.started {
		if begun {
			f.withdraw(ctx, s, api, deploy, status)
		}
		return w, nil, exit(status, "%s: nothing was deployed", err)
	}
	if err != nil {
		_, _ = io.WriteString(s.err, "guardian: "+err.Error()+"\n")
	}
	err = nil
	if !begun {
		f.tried = first
		w, raw, deploy, err = f.announce(ctx, s, api, announceRetries)
	}
	if err == nil {
		w, raw, err = f.end(ctx, s, api, deploy, deployEnd{Status: status})
	}
	if status != 0 {
		if err != nil {
			_, _ = io.WriteString(s.err, "guardian: "+err.Error()+"\n")
		}
		return w, raw, exit(status, "the command ended with status %d: whether %s was deployed is not known, and it is watched", status, f.version)
	}
	if err != nil {
		return w, raw, exit(exitUsage, "the command succeeded, and its end could not be announced: %s", err)
	}
	return w, raw, nil
}

// withdraw takes the announcement of a deploy back that did not begin.
func (f *watchFlags) withdraw(ctx context.Context, s streams, api *client, deploy string, status int) {
	if _, _, err := f.end(ctx, s, api, deploy, deployEnd{status, new(bool)}); err != nil {
		_, _ = fmt.Fprintf(s.err, "guardian: %s was announced and not deployed, which could not be told: %s\n", f.version, err)
	}
}

// deployEnd is how a deploy ended, as the API takes it.
type deployEnd struct {
	Status   int   `json:"exit_status"`
	Deployed *bool `json:"deployed,omitempty"` // nil: as the status says
}

// end announces the end of the deploy.
func (*watchFlags) end(ctx context.Context, s streams, api *client, deploy string, end deployEnd) (watchAnswer, []byte, error) {
	var ended struct {
		Watch watchAnswer `json:"watch"`
	}
	var raw []byte
	err := retry{limit: announceRetries, log: s.err}.do(ctx, func() (err error) {
		raw, err = api.send(ctx, request{
			method: http.MethodPost, path: "/api/v1/deploys/" + url.PathEscape(deploy) + "/end", body: end,
		}, &ended)
		return err
	})
	return ended.Watch, raw, err
}
