package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// ExecSettings configure a check of kind exec: a program that keeps to the conventions of
// Nagios plugins (https://nagios-plugins.org/doc/guidelines.html).
//
//	what happened                                          | health
//	exit code 0                                            | Up
//	exit code 1, a warning                                 | as warning says; Up when left out
//	exit code 2                                            | Down
//	exit code 3, any other code, ended by a signal         | Unknown
//	not ended in time, or could not be started             | Unknown
//
// The kind is Active, because a program may do anything.
type ExecSettings struct {
	Command     []string                 `yaml:"command" doc:"The program and its arguments, without a shell. Arguments are templates; do not put secrets into them, because other users can see them."`
	Dir         string                   `yaml:"dir" doc:"Working directory; default: the guardian's."`
	Inherit     []string                 `yaml:"inherit" doc:"Names of environment variables that are passed on from the guardian; default: PATH."`
	Env         map[string]string        `yaml:"env" doc:"Environment variables of the program."`
	Secrets     map[string]secret.Secret `yaml:"secrets" doc:"Secret environment variables of the program; never shown."`
	Warning     string                   `yaml:"warning" doc:"Meaning of exit code 1: up, down or unknown."`
	OutputLimit int                      `yaml:"output_limit" doc:"Maximum size of the output in bytes, up to 1048576; the rest is discarded."`
	Charset     string                   `yaml:"charset" doc:"Character set of the output, such as gbk; default: UTF-8, or as recognised."`
}

const (
	defaultOutputLimit = 64 << 10
	maxOutputLimit     = 1 << 20
	// execGrace is how long to wait for the output of a program that has ended: a process that it
	// started may hold it open.
	execGrace = time.Second
)

// Validate joins every mistake.
func (s *ExecSettings) Validate() error {
	var errs []error
	if len(s.Command) == 0 || s.Command[0] == "" {
		errs = append(errs, errors.New("command is missing: give the program and its arguments as a list"))
	} else if len(s.Command) == 1 && strings.Contains(s.Command[0], " -") {
		errs = append(errs, errors.New("command has one entry with options: no shell splits it, give a list"))
	}
	for i, a := range s.Command {
		if _, err := compileText("command", a); err != nil {
			errs = append(errs, fmt.Errorf("command[%d]: %w", i, err))
		}
		if strings.Contains(a, ".Secrets") {
			errs = append(errs, fmt.Errorf("command[%d]: other users see arguments; put the secret into secrets and let the program read its environment", i))
		}
	}
	for _, name := range slices.Concat(s.Inherit, slices.Sorted(maps.Keys(s.Env)), slices.Sorted(maps.Keys(s.Secrets))) {
		if name == "" || strings.ContainsAny(name, "=\x00 ") {
			errs = append(errs, fmt.Errorf("%q is not the name of a variable", name))
		}
	}
	for name := range s.Secrets {
		if _, twice := s.Env[name]; twice {
			errs = append(errs, fmt.Errorf("secrets.%s is in env, too", name))
		}
	}
	if _, err := healthOf("warning", s.Warning); err != nil {
		errs = append(errs, err)
	}
	if s.OutputLimit < 1 || s.OutputLimit > maxOutputLimit {
		errs = append(errs, fmt.Errorf("output_limit is %d, must be 1 to %d bytes", s.OutputLimit, maxOutputLimit))
	}
	return errors.Join(append(errs, validCharset(s.Charset))...)
}

func execKind() Kind {
	return Kind{
		Settings: func() any {
			return &ExecSettings{Inherit: []string{"PATH"}, Warning: "up", OutputLimit: defaultOutputLimit}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newExecProbe(settings.(*ExecSettings), env)
		},
		Active: true,
		Templates: func(settings any, labels map[string]string) []Template {
			return settings.(*ExecSettings).templates(labels)
		},
		Produces: func(any) []string { return []string{"exec_exit_code", "exec_perfdata"} },
	}
}

type execProbe struct {
	settings *ExecSettings
	env      Env
	masks    masks
	args     []text
	warning  sample.Health
}

func newExecProbe(s *ExecSettings, env Env) (*execProbe, error) {
	env = env.withDefaults()
	p := &execProbe{settings: s, env: env, masks: newMasks(env, secretsOf(s.Secrets, nil)...)}
	var err error
	if p.warning, err = healthOf("warning", s.Warning); err != nil {
		return nil, fmt.Errorf("exec: %w", err)
	}
	for _, a := range s.Command {
		t, err := compileText("command", a)
		if err != nil {
			return nil, fmt.Errorf("exec: %w", err)
		}
		p.args = append(p.args, t)
	}
	return p, nil
}

// Look runs the program once. At the deadline it is killed with all processes that it started.
func (p *execProbe) Look(ctx context.Context) sample.Observation {
	args := make([]string, len(p.args))
	data := newTemplateData(p.env, nil, nil, p.env.Now())
	for i, a := range p.args {
		var err error
		if args[i], err = a.render(data); err != nil {
			return p.masks.observation(sample.Observation{Reason: reason.New("setting_unusable", "setting", fmt.Sprintf("command[%d]", i), "error", err)})
		}
	}
	out, problems := &boundedBuffer{limit: p.settings.OutputLimit}, &boundedBuffer{limit: detailBody}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = p.settings.Dir, p.environment()
	cmd.Stdout, cmd.Stderr = out, problems
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = execGrace
	begin := p.env.Now()
	err := cmd.Run()
	if cmd.Process != nil {
		// Processes that it started end with the look.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, but a process that it started held its output open
	}
	said, complained := p.text(out), p.text(problems)
	o := p.judge(ctx, cmd, err, output{said, complained}, p.env.Now().Sub(begin))
	if o.Health != sample.Up {
		// Masked before it is cut: half a secret is still half a secret.
		o.Detail = shorten(p.masks.text(printable(strings.TrimSpace(said+"\n"+complained))), detailBody)
	}
	return p.masks.observation(o)
}

// text is what a program wrote, in UTF-8.
func (p *execProbe) text(written *boundedBuffer) string {
	return string(readText(written.Bytes(), "", p.settings.Charset).body)
}

// output is what a program wrote to standard output and standard error.
type output struct{ said, complained string }

func (p *execProbe) environment() []string {
	env := []string{} // empty, and not nil, which would mean the guardian's environment
	for _, name := range p.settings.Inherit {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.settings.Env)) {
		env = append(env, name+"="+p.settings.Env[name])
	}
	for _, name := range slices.Sorted(maps.Keys(p.settings.Secrets)) {
		env = append(env, name+"="+p.settings.Secrets[name].Reveal())
	}
	return env
}

func (p *execProbe) judge(ctx context.Context, cmd *exec.Cmd, err error, out output, took time.Duration) sample.Observation {
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return sample.Observation{Reason: reason.New("look_stopped", "doing", reason.New("doing_program"))}
	case ctx.Err() != nil:
		return sample.Observation{Reason: reason.New("exec_timeout", "took", round(took))}
	case err != nil && !errors.As(err, &exit):
		return sample.Observation{Reason: reason.New("exec_not_run", "error", oneLine(err.Error(), 300))}
	}
	code := cmd.ProcessState.ExitCode()
	if code < 0 {
		return sample.Observation{Reason: reason.New("exec_ended", "state", cmd.ProcessState)}
	}
	words, values := parsePlugin(out.said)
	o := sample.Observation{Values: append([]sample.Value{{Name: "exec_exit_code", V: float64(code)}}, values...)}
	switch code {
	case 0:
		o.Health = sample.Up
		return o
	case 1:
		o.Health = p.warning
	case 2:
		o.Health = sample.Down
	}
	if o.Health == sample.Up {
		return o
	}
	if words == "" {
		// Plugins write to standard output, but a shell that finds no plugin writes to standard error.
		words, _, _ = strings.Cut(strings.TrimSpace(out.complained), "\n")
	}
	// Masked before it is cut: half a secret is still half a secret.
	if said := oneLine(p.masks.text(printable(words)), 500); said != "" {
		o.Reason = reason.New("exec_exit", "code", code, "said", said)
	} else {
		o.Reason = reason.New("exec_exit_silent", "code", code)
	}
	return o
}

// boundedBuffer keeps the first limit bytes and discards the rest, so that the writing program
// never blocks.
type boundedBuffer struct {
	bytes.Buffer
	limit int
}

// Write implements io.Writer.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// healthOf reads one of up, down, unknown.
func healthOf(field, text string) (sample.Health, error) {
	var h sample.Health
	if err := h.UnmarshalText([]byte(text)); err != nil {
		return sample.Unknown, fmt.Errorf("%s: %q is not one of unknown, up, down", field, text)
	}
	return h, nil
}
