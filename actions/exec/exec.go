package exec

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// Settings is a step that runs a command on the guardian's own machine. No shell reads
// it: each argument is passed as it stands. The command gets the names that templates see as
// environment variables: GUARDIAN_TO, GUARDIAN_INTENT and so on.
type Settings struct {
	Command       []string                 `yaml:"command" doc:"The program and its arguments, without a shell; each is a template."`
	Dir           string                   `yaml:"dir" doc:"Working directory; default: the guardian's."`
	Inherit       []string                 `yaml:"inherit" doc:"Names of environment variables that are passed on from the guardian."`
	Env           map[string]string        `yaml:"env" doc:"Further environment variables; values are templates."`
	Secrets       map[string]secret.Secret `yaml:"secrets" doc:"Environment variables with secrets; do not put secrets into arguments, which every user of the machine can read."`
	Stdin         secret.Secret            `yaml:"stdin" doc:"Standard input of the program; may be a secret."`
	Grace         model.Duration           `yaml:"grace" doc:"After a timeout: time between SIGTERM and SIGKILL to the program and its children."`
	StatusCommand []string                 `yaml:"status_command" doc:"A command that checks whether the step happened: exit code 0 yes, 1 no, 75 not yet (it is asked again until the step's timeout), any other unknown."`
}

// Kind is the kind exec.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings {
		return &Settings{Inherit: []string{"PATH", "HOME", "LANG", "TZ"}, Grace: model.Duration(5 * time.Second)}
	}, newCommand)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newCommand(*s, actions.Env{})
	return err
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

type command struct {
	s      Settings
	env    actions.Env
	local  secret.Redactor
	args   []actions.Template
	status []actions.Template
	vars   map[string]actions.Template
}

func newCommand(s Settings, env actions.Env) (*command, error) {
	var p actions.Templates
	c := &command{s: s, env: env, vars: map[string]actions.Template{}}
	for _, v := range s.Secrets {
		c.local.Learn(v)
	}
	c.local.Learn(s.Stdin)
	parseArgs := func(key string, args []string) []actions.Template {
		var out []actions.Template
		for i, a := range args {
			at := fmt.Sprintf("%s[%d]", key, i)
			if c.redact(a) != a {
				p.Fail("%s: holds a secret, and every user of the machine can read arguments; put it under secrets or stdin", at)
				continue
			}
			out = append(out, p.Parse(at, a))
		}
		return out
	}
	c.args, c.status = parseArgs("command", s.Command), parseArgs("status_command", s.StatusCommand)
	if len(s.Command) == 0 || s.Command[0] == "" {
		p.Fail("command: is missing")
	} else if strings.ContainsAny(s.Command[0], " \t") && len(s.Command) == 1 {
		p.Fail("command: no shell splits it; write a list, e.g. [deploy, --to, \"{{.To}}\"]")
	}
	for name, v := range s.Env {
		c.vars[name] = p.Parse("env."+name, v)
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(s.Env)), slices.Collect(maps.Keys(s.Secrets)), s.Inherit) {
		if !envName.MatchString(name) {
			p.Fail("%q is not the name of an environment variable", name)
		}
	}
	if s.Dir != "" && !filepath.IsAbs(s.Dir) {
		p.Fail("dir: %q is not an absolute path", s.Dir)
	}
	if s.Grace < 0 {
		p.Fail("grace: must not be negative")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Do runs the command to its end. An exit status other than 0 is a failure; a command that
// had to be stopped may have done anything.
func (c *command) Do(ctx context.Context, call actions.Call) (string, error) {
	end, err := c.run(ctx, c.args, call)
	switch {
	case err != nil:
		return end.output, actions.RedactError(err, c.env.Redactor, &c.local)
	case end.code != 0:
		return end.output, actions.RedactError(actions.Failure(c.exitFault(end.args, end.code)), c.env.Redactor, &c.local)
	}
	return end.output, nil
}

// Status runs the status command.
func (c *command) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	if len(c.status) == 0 {
		return actions.Unclear, reason.New("exec_no_status_command"), nil
	}
	end, err := c.run(ctx, c.status, call)
	if err != nil {
		return actions.Unclear, reason.Reason{}, actions.RedactError(actions.Failure(reason.New("exec_status_command", "error", actions.ReasonOf(err)), err), c.env.Redactor, &c.local)
	}
	outcome, detail := actions.StatusOf(end.code, end.output)
	return outcome, detail, nil
}

// ending is how a command ended.
type ending struct {
	args   []string
	code   int
	output string
}

// run runs a command to its end. An error says that it could not be started, or was stopped.
func (c *command) run(ctx context.Context, argTexts []actions.Template, call actions.Call) (end ending, err error) {
	data, err := call.Data()
	if err != nil {
		return end, err
	}
	args, err := c.render(argTexts, data)
	if err != nil {
		return end, err
	}
	environ, err := c.environ(call, data)
	if err != nil {
		return end, err
	}
	if err := ctx.Err(); err != nil {
		return end, err
	}
	var out actions.Clip
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, &out, &out
	end.args = args
	end.code, err = c.wait(ctx, cmd)
	end.output = out.Text(c.env.Redactor, &c.local)
	return end, err
}

// wait starts a command and gives its exit status. One that is stopped ends with everything that it started.
func (c *command) wait(ctx context.Context, cmd *exec.Cmd) (code int, err error) {
	name := filepath.Base(cmd.Args[0])
	cmd.Dir = c.s.Dir
	if c.s.Stdin.IsSet() {
		cmd.Stdin = strings.NewReader(c.s.Stdin.Reveal())
	}
	// A process group of its own, so that everything that it starts is ended with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return signalGroup(cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = time.Duration(c.s.Grace) + time.Millisecond
	if err := cmd.Start(); err != nil {
		return 0, actions.Failure(startFault(cmd, err), err)
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		// What ignored SIGTERM, and what was left behind in the group.
		_ = signalGroup(cmd.Process.Pid, syscall.SIGKILL)
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, actions.Lost(reason.New("exec_stopped", "command", name, "error", ctx.Err()), ctx.Err())
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		// ErrWaitDelay without a cancelled ctx: it ended well, but something that it started
		// still held its output.
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	default:
		return 0, actions.Lost(reason.New("exec_lost", "command", name, "error", c.redact(err.Error())))
	}
}

// render fills in the arguments. A secret among them is an error: every user of the machine
// can read arguments.
func (c *command) render(argTexts []actions.Template, data map[string]any) ([]string, error) {
	var args []string
	for _, t := range argTexts {
		a, err := t.Render(data)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	return args, c.public(args)
}

// public refuses arguments that hold a secret.
func (c *command) public(args []string) error {
	for i, a := range args {
		if c.redact(a) != a {
			return actions.Failure(reason.New("exec_secret_argument", "number", i))
		}
	}
	return nil
}

// environ builds the command's whole environment. Of the guardian's own it has only what
// Inherit names.
func (c *command) environ(call actions.Call, data map[string]any) ([]string, error) {
	vars := map[string]string{}
	for _, name := range c.s.Inherit {
		if v, ok := os.LookupEnv(name); ok {
			vars[name] = v
		}
	}
	for name, v := range call.Names() {
		vars["GUARDIAN_"+strings.ToUpper(name)] = v
	}
	for name, t := range c.vars {
		v, err := t.Render(data)
		if err != nil {
			return nil, err
		}
		vars[name] = v
	}
	for name, v := range c.s.Secrets {
		vars[name] = v.Reveal()
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if v := vars[name]; !strings.ContainsRune(v, 0) {
			out = append(out, name+"="+v)
		}
	}
	return out, nil
}

func (c *command) redact(s string) string { return c.local.Redact(c.env.Redactor.Redact(s)) }

// signalGroup signals a command and all that it started. It is no error when they have ended
// already.
func signalGroup(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(-pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// bare takes the path and the arguments off an error of starting a program.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var ee *exec.Error
	if errors.As(err, &ee) {
		return ee.Err
	}
	return err
}
