package exec

import (
	"bytes"
	"context"
	"os/exec"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// Program is a program that another kind of step runs, each time with arguments of its own.
type Program struct{ c *command }

// NewProgram makes the program of Settings.Command, whose arguments are given to Run. The rest of the
// settings is as in a step of kind exec.
func NewProgram(s Settings, env actions.Env) (*Program, error) {
	c, err := newCommand(s, env)
	if err != nil {
		return nil, err
	}
	return &Program{c}, nil
}

// Learn adds secrets that the program must not be given as arguments, and that are taken out of what it said.
func (p *Program) Learn(secrets ...secret.Secret) { p.c.local.Learn(secrets...) }

// Redactors give what must be taken out of what is told about the program.
func (p *Program) Redactors() []*secret.Redactor {
	return []*secret.Redactor{p.c.env.Redactor, &p.c.local}
}

// Unfit tells, without starting it, why the program cannot be run on this machine.
func (p *Program) Unfit() reason.Reason { return Unfit(p.c.s.Dir, p.c.s.Command) }

// Ran is a run that came to its end.
type Ran struct {
	Code   int
	Stdout []byte // whole, with whatever secrets it holds
	Stderr string // bounded and redacted
}

// Run runs the program to its end. An error says that it could not be started, was stopped, or wrote more
// than most bytes to its standard output.
func (p *Program) Run(ctx context.Context, call actions.Call, most int, args ...string) (Ran, error) {
	data, err := call.Data()
	if err != nil {
		return Ran{}, err
	}
	environ, err := p.c.environ(call, data)
	if err != nil {
		return Ran{}, err
	}
	args = append([]string{p.c.s.Command[0]}, args...)
	if err := p.c.public(args); err != nil {
		return Ran{}, err
	}
	if err := ctx.Err(); err != nil {
		return Ran{}, err
	}
	out, said := &whole{most: most}, &actions.Clip{}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, out, said
	code, err := p.c.wait(ctx, cmd)
	ran := Ran{Code: code, Stdout: out.b.Bytes(), Stderr: said.Text(p.Redactors()...)}
	if err == nil && out.over {
		err = actions.Failure(reason.New("exec_too_much", "command", cmd.Args[0], "most", most))
	}
	return ran, err
}

// whole keeps all that is written, up to most bytes. It never fails, so that the program is not ended by it.
type whole struct {
	b    bytes.Buffer
	most int
	over bool
}

func (w *whole) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > w.most {
		w.over = true
		return len(p), nil
	}
	return w.b.Write(p)
}
