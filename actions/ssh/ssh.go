package ssh

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/sshconn"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// Settings is a step that runs a command on another machine. The login shell of the user reads it
// there; each argument reaches the program as it stands.
type Settings struct {
	Host          string `yaml:"host" doc:"The machine, by name or address."`
	Port          int    `yaml:"port" doc:"Port of its SSH server."`
	User          string `yaml:"user" doc:"The account to log in to."`
	sshconn.Login `yaml:",inline"`
	Command       []string                 `yaml:"command" doc:"The program and its arguments; each is a template, and is quoted for a POSIX shell."`
	Secrets       map[string]secret.Secret `yaml:"secrets" doc:"Environment variables with secrets; the machine's sshd_config must take them (AcceptEnv NAME). Do not put secrets into arguments, which every user of the machine can read."`
	Stdin         secret.Secret            `yaml:"stdin" doc:"Standard input of the program; may be a secret."`
	Grace         model.Duration           `yaml:"grace" doc:"After a timeout: time between SIGTERM and SIGKILL to the program."`
	StatusCommand []string                 `yaml:"status_command" doc:"A command on the same machine that checks whether the step happened: exit code 0 yes, 1 no, 75 not yet (it is asked again until the step's timeout), any other unknown."`
}

// Kind gives the kind of step.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings { return &Settings{Port: 22, Grace: model.Duration(5 * time.Second)} }, newCommand)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newCommand(*s, actions.Env{})
	return err
}

var (
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)
	userName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@\\-]*$`)
)

type command struct {
	s      Settings
	env    actions.Env
	at     sshconn.Address
	local  secret.Redactor
	args   []actions.Template
	status []actions.Template
}

func newCommand(s Settings, env actions.Env) (*command, error) {
	var p actions.Templates
	c := &command{s: s, env: env, at: sshconn.Address{User: s.User, Host: s.Host, Port: s.Port}}
	c.local.Learn(s.Stdin, s.Passphrase)
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		c.local.Learn(s.Secrets[name])
		if !envName.MatchString(name) {
			p.Fail("secrets: %q is not the name of an environment variable", name)
		}
	}
	known := c.at
	if !hostName.MatchString(s.Host) {
		known.Host = ""
		p.Fail("host: %q is not the name or the address of a machine; user and port have keys of their own", s.Host)
	}
	if !userName.MatchString(s.User) {
		p.Fail("user: %q is not the name of an account", s.User)
	}
	if s.Port < 1 || s.Port > 65535 {
		p.Fail("port: %d is not a port", s.Port)
	}
	for _, err := range s.Mistakes(known) {
		p.Fail("%w", err)
	}
	c.args, c.status = c.parse(&p, "command", s.Command), c.parse(&p, "status_command", s.StatusCommand)
	if len(s.Command) == 0 || s.Command[0] == "" {
		p.Fail("command: is missing")
	}
	for key, args := range map[string][]string{"command": s.Command, "status_command": s.StatusCommand} {
		if len(args) == 1 && strings.ContainsAny(args[0], " \t") {
			p.Fail("%s: would be the name of one program; write a list, e.g. [deploy, --to, \"{{.To}}\"], or [sh, -c, …] for a shell", key)
		}
	}
	if s.Grace < 0 {
		p.Fail("grace: must not be negative")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *command) parse(p *actions.Templates, key string, args []string) []actions.Template {
	var out []actions.Template
	for i, a := range args {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case c.redact(a) != a:
			p.Fail("%s: holds a secret, and every user of the machine can read arguments; put it under secrets or stdin", at)
		case strings.ContainsRune(a, 0):
			p.Fail("%s: holds a zero byte, which no argument can", at)
		default:
			out = append(out, p.Parse(at, a))
		}
	}
	return out
}

// Do runs the command to its end. An exit status other than 0 is a failure; a command of which the
// end was not heard may have done anything.
func (c *command) Do(ctx context.Context, call actions.Call) (string, error) {
	end, err := c.run(ctx, c.args, call)
	if err == nil && end.code != 0 {
		err = actions.Failure(reason.New("ssh_exit_status", "command", end.name, "host", c.s.Host, "status", end.code))
	}
	return end.output, c.redactError(err)
}

// Status runs the status command.
func (c *command) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	if len(c.status) == 0 {
		return actions.Unclear, reason.New("exec_no_status_command"), nil
	}
	end, err := c.run(ctx, c.status, call)
	if err != nil {
		why := reason.New("exec_status_command", "error", actions.ReasonOf(c.redactError(err)))
		return actions.Unclear, reason.Reason{}, actions.Failure(why, err)
	}
	outcome, detail := actions.StatusOf(end.code, end.output)
	return outcome, detail, nil
}

// Plan implements actions.Planner: it logs in, and runs nothing.
func (c *command) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	_, line, err := c.line(c.args, call)
	if err != nil {
		return reason.Reason{}, c.redactError(err)
	}
	plan := reason.New("ssh_plan", "command", actions.Shown(line, c.env.Redactor, &c.local), "host", c.at.String(), "user", c.s.User)
	client, err := c.s.Dial(ctx, c.at)
	if err != nil {
		return plan, c.redactError(err)
	}
	return plan, client.Close()
}

func (c *command) redact(text string) string { return c.local.Redact(c.env.Redactor.Redact(text)) }

func (c *command) redactError(err error) error {
	return actions.RedactError(err, c.env.Redactor, &c.local)
}
