package snapshot

import (
	"path"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/exec"
	"guardian/internal/secret"
)

// Settings is a step that takes a snapshot of a service's data, or puts one back.
type Settings struct {
	File       string         `yaml:"file" doc:"Absolute path of the snapshot on Guardian's machine; a template. Take writes FILE.sha256 beside it, and restore wants that."`
	Take       *exec.Settings `yaml:"take" doc:"Command that writes the file, such as pg_dump; see exec."`
	Restore    *exec.Settings `yaml:"restore" doc:"Command that puts the file back, such as pg_restore; see exec."`
	MaxAge     model.Duration `yaml:"max_age" doc:"A snapshot that is older is not put back."`
	MinSize    int64          `yaml:"min_size" doc:"A snapshot of fewer bytes is neither taken for one nor put back."`
	AcceptLoss bool           `yaml:"accept_loss" doc:"Everything that was written after the snapshot may be lost. A restore without it is refused."`
}

// Kind is the kind snapshot.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings { return &Settings{MinSize: 1} }, newStep)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

type step struct {
	s       Settings
	env     actions.Env
	local   secret.Redactor
	file    actions.Template
	command actions.Step // take or restore
}

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	out := &step{s: s, env: env, file: p.Parse("file", s.File)}
	if !path.IsAbs(s.File) {
		p.Fail("file: %q is not an absolute path", s.File)
	}
	if s.MinSize < 1 {
		p.Fail("min_size: must be at least 1")
	}
	key, command := "take", s.Take
	switch {
	case s.Take != nil && s.Restore != nil:
		p.Fail("restore: there is take already; make each a step of its own")
	case s.Take == nil && s.Restore == nil:
		p.Fail("take: is missing; give the command of take or of restore")
	case s.Restore != nil:
		key, command = "restore", s.Restore
		if s.MaxAge <= 0 {
			p.Fail("max_age: is missing; say how old a snapshot may be that is put back, such as 2h")
		}
	case s.MaxAge != 0 || s.AcceptLoss:
		p.Fail("take: max_age and accept_loss are for restore; remove them")
	}
	if command != nil {
		built, err := exec.Kind().Build(command, env)
		if err != nil {
			p.Fail("%s: %w", key, err)
		}
		out.command = built
		for _, v := range command.Secrets {
			out.local.Learn(v)
		}
		out.local.Learn(command.Stdin)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return out, nil
}
