package ssh

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"guardian/actions"
	"guardian/actions/sshconn"
	"guardian/internal/reason"
)

// ending is how a command ended.
type ending struct {
	name   string
	code   int
	output string
}

// line gives a command's name, and its line for the shell of the machine. A secret among the
// arguments is an error: every user of the machine can read them.
func (c *command) line(args []actions.Template, call actions.Call) (name, line string, err error) {
	data, err := call.Data()
	if err != nil {
		return "", "", err
	}
	var words []string
	for i, t := range args {
		a, err := t.Render(data)
		switch {
		case err != nil:
			return "", "", err
		case c.redact(a) != a:
			return "", "", actions.Failure(reason.New("exec_secret_argument", "number", i))
		}
		if i == 0 {
			name = path.Base(a)
		}
		words = append(words, sshconn.Quote(strings.ReplaceAll(a, "\x00", "")))
	}
	return name, strings.Join(words, " "), nil
}

// run runs a command to its end. An error that is not actions.ErrUnclear says that it did not begin.
func (c *command) run(ctx context.Context, args []actions.Template, call actions.Call) (ending, error) {
	name, line, err := c.line(args, call)
	end := ending{name: name}
	if err != nil {
		return end, err
	}
	if err := ctx.Err(); err != nil {
		return end, c.notReached(err)
	}
	// The connection outlives the step's time: a signal has to pass.
	alive, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	stopDialing := context.AfterFunc(ctx, hangUp)
	client, err := c.s.Dial(alive, c.at)
	if err != nil {
		return end, err
	}
	defer func() { _ = client.Close() }()
	session, err := client.NewSession()
	if err != nil {
		return end, c.notReached(err)
	}
	for _, variable := range slices.Sorted(maps.Keys(c.s.Secrets)) {
		if err := session.Setenv(variable, c.s.Secrets[variable].Reveal()); err != nil {
			if err.Error() != "ssh: setenv failed" {
				return end, c.notReached(err)
			}
			return end, actions.Failure(reason.New("ssh_env_refused", "host", c.s.Host, "name", variable))
		}
	}
	if !stopDialing() {
		return end, c.notReached(ctx.Err())
	}
	var out actions.Clip
	session.Stdout, session.Stderr = &out, &out
	if c.s.Stdin.IsSet() {
		session.Stdin = strings.NewReader(c.s.Stdin.Reveal())
	}
	end.code, err = c.finish(ctx, running{session, client, name, line})
	end.output = out.Text(c.env.Redactor, &c.local)
	return end, err
}

// notReached is the error of a command that did not begin: nothing happened, also when the time is over.
func (c *command) notReached(err error) error {
	return actions.Failure(reason.New("ssh_connect", "host", c.at.String(), "error", err))
}

// killed is how long a machine may take to tell that a command was killed.
const killed = 3 * time.Second

// running is a command that is about to run.
type running struct {
	session    *ssh.Session
	client     *ssh.Client
	name, line string
}

// finish starts a command and waits for its end, which it brings about when the time is over.
func (c *command) finish(ctx context.Context, r running) (code int, err error) {
	ended := make(chan error, 1)
	go func() {
		if err := r.session.Start(r.line); err != nil {
			ended <- &startError{err}
			return
		}
		ended <- r.session.Wait()
	}()
	select {
	case err = <-ended:
		return c.result(r, err)
	case <-ctx.Done():
	}
	for _, s := range []struct {
		signal ssh.Signal
		wait   time.Duration
	}{{ssh.SIGTERM, time.Duration(c.s.Grace)}, {ssh.SIGKILL, killed}} {
		_ = r.session.Signal(s.signal)
		t := time.NewTimer(s.wait)
		select {
		case <-ended:
			t.Stop()
			return 0, actions.Lost(reason.New("ssh_stopped", "command", r.name, "host", c.s.Host, "error", ctx.Err()), ctx.Err())
		case <-t.C:
		}
	}
	// The server does not pass signals on, or the machine is away.
	_ = r.client.Close()
	<-ended
	return 0, actions.Lost(reason.New("ssh_left", "command", r.name, "host", c.s.Host, "error", ctx.Err()), ctx.Err())
}

// startError is an error of asking the server to run a command.
type startError struct{ error }

func (e *startError) Unwrap() error { return e.error }

// result tells how a command ended that was not stopped.
func (c *command) result(r running, err error) (int, error) {
	var exit *ssh.ExitError
	var start *startError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Signal() == "":
		return exit.ExitStatus(), nil
	case errors.As(err, &exit):
		return 0, actions.Lost(reason.New("ssh_killed", "command", r.name, "host", c.s.Host, "signal", exit.Signal()))
	case errors.As(err, &start) && start.Error() == "ssh: command "+r.line+" failed":
		return 0, actions.Failure(reason.New("ssh_not_started", "command", r.name, "host", c.s.Host))
	default:
		return 0, actions.Lost(reason.New("ssh_lost", "command", r.name, "host", c.s.Host, "error", err), err)
	}
}
