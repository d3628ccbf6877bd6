package cli

import (
	"context"
	"errors"
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

// runCommand runs the command that deploys, with the streams of this one, and gives its exit
// status. Signals are passed on to it; it decides when it ends.
func runCommand(s streams, args []string) (status int, err error) {
	c := exec.Command(args[0], args[1:]...) //nolint:noctx // it ends by itself: signals are passed on
	c.Stdin, c.Stdout, c.Stderr = s.in, s.out, s.err
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	if err := c.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return exitNotFound, err
		}
		return exitNotExecutable, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = c.Wait()
	}()
	for {
		select {
		case sig := <-signals:
			// A terminal sends these to the command, too: twice would be a different message.
			if fromTerminal := (sig == syscall.SIGINT || sig == syscall.SIGQUIT) && isTerminal(s.in); !fromTerminal {
				_ = c.Process.Signal(sig)
			}
		case <-ended:
			return exitStatus(c.ProcessState, err)
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
// afterwards.
func (f *watchFlags) deploy(ctx context.Context, s streams, api *client, command []string) (w watchAnswer, raw []byte, err error) {
	f.phase = "start"
	first := time.Now()
	w, raw, deploy, err := f.announce(ctx, s, api, startRetries)
	var p *problem
	if errors.As(err, &p) && final(err) {
		return w, nil, exit(exitUsage, "%s", err) // such as a service that is not known: nothing was deployed
	}
	begun := err == nil
	if !begun {
		_, _ = io.WriteString(s.err, "guardian: "+err.Error()+"; deploying all the same, and announcing it afterwards\n")
	}
	status, err := runCommand(s, command)
	if err != nil {
		_, _ = io.WriteString(s.err, "guardian: "+err.Error()+"\n")
	}
	// Signals were meant for the command; what follows must be told all the same.
	ctx = context.WithoutCancel(ctx)
	err = nil
	if !begun {
		f.tried = first
		w, raw, deploy, err = f.announce(ctx, s, api, announceRetries)
	}
	if err == nil {
		w, raw, err = f.end(ctx, s, api, deploy, status)
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

// end announces the end of the deploy.
func (*watchFlags) end(ctx context.Context, s streams, api *client, deploy string, status int) (watchAnswer, []byte, error) {
	var ended struct {
		Watch watchAnswer `json:"watch"`
	}
	var raw []byte
	err := retry{limit: announceRetries, log: s.err}.do(ctx, func() (err error) {
		raw, err = api.send(ctx, request{
			method: http.MethodPost, path: "/api/v1/deploys/" + url.PathEscape(deploy) + "/end", body: map[string]int{"exit_status": status},
		}, &ended)
		return err
	})
	return ended.Watch, raw, err
}
