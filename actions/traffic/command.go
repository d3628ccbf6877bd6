package traffic

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// commandTime bounds a test and a reload: a test that resolves names may hang.
const commandTime = 30 * time.Second

// run runs a command to its end. The error has the end of what it wrote.
func (f *confFile) run(ctx context.Context, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	var out actions.Clip
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = environ()
	// A process group of its own, so that everything that it starts is ended with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		return nil
	}
	name := strings.Join(args, " ")
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return actions.Failure(reason.New("traffic_command_stopped", "command", name, "error", ctx.Err()))
	case errors.As(err, &exit):
		return actions.Failure(reason.New("traffic_command_failed", "command", name, "status", exit.ExitCode(), "output", lastLines(out.Text(f.env.Redactor))))
	default:
		return actions.Failure(reason.New("traffic_command_start", "command", name, "error", errors.Unwrap(err)))
	}
}

// environ is what commands get of the guardian's own environment.
func environ() []string {
	var out []string
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+v)
		}
	}
	return out
}

// lastLines gives the end of an output for people: nginx says why in the last lines but one.
func lastLines(text string) string {
	const most = 4
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "; ")
}

// besideName is the name of a hidden file beside another one, which no include of *.conf or * matches.
func besideName(path, what string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".guardian-"+what)
}
