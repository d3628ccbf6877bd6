package window

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/windows"
)

// Settings is a step that announces a window, from now on.
type Settings struct {
	Service string         `yaml:"service" doc:"The service; default: the run's own."`
	All     bool           `yaml:"all" doc:"All services, instead of one."`
	For     model.Duration `yaml:"for" doc:"For how long, at most 31d; somebody may end it earlier."`
}

// Freeze is the kind of step that closes the gate.
func Freeze() actions.Kind { return kind(windows.Freeze) }

// Maintenance is the kind of step that announces a maintenance.
func Maintenance() actions.Kind { return kind(windows.Maintenance) }

func kind(of windows.Kind) actions.Kind {
	return actions.NewKind(func() *Settings { return &Settings{} }, func(s Settings, env actions.Env) (*step, error) {
		return &step{s, of, env}, s.Validate()
	})
}

// Validate joins every mistake. Whether there is such a service is for those to say who know all.
func (s *Settings) Validate() error {
	var errs []error
	if s.For <= 0 || time.Duration(s.For) > windows.Longest {
		errs = append(errs, errors.New("for: say for how long, more than 0s and at most 31d, such as 2h: somebody may end it earlier"))
	}
	if s.All && s.Service != "" {
		errs = append(errs, errors.New("all: not together with service; choose one"))
	}
	return errors.Join(errs...)
}

type step struct {
	s    Settings
	kind windows.Kind
	env  actions.Env
}

// service gives whose window it is; "": of all.
func (s *step) service(call actions.Call) string {
	if s.s.All {
		return ""
	}
	return cmp.Or(s.s.Service, call.Run.Service)
}

// Plan implements actions.Planner.
func (s *step) Plan(_ context.Context, call actions.Call) (reason.Reason, error) {
	return reason.New(string(s.kind)+"_plan", "service", s.service(call), "for", time.Duration(s.s.For)), nil
}

// Do writes the window into the journal, from where every guardian heeds it.
func (s *step) Do(ctx context.Context, call actions.Call) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	now := s.env.Now()
	w, err := s.env.Windows.Announce(ctx, windows.Window{
		Kind: s.kind, Service: s.service(call), From: now, To: now.Add(time.Duration(s.s.For)),
		Reason: call.Run.Trigger.Reason, Run: call.Run.ID, Intent: call.Intent,
	})
	var invalid *windows.InvalidError
	switch {
	case errors.As(err, &invalid):
		return "", actions.Failure(reason.New("window_refused", "error", err), err)
	case err != nil:
		return "", actions.Lost(reason.New("window_not_written", "error", err), err)
	}
	return fmt.Sprintf("%s %s: %s to %s", w.Kind, w.ID, w.From.Format(time.RFC3339), w.To.Format(time.RFC3339)), nil
}

// Status asks the journal.
func (s *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	w, ok, err := s.env.Windows.Announced(ctx, call.Intent)
	switch {
	case err != nil:
		return actions.Unclear, reason.Reason{}, actions.Failure(reason.New("window_not_read", "error", err), err)
	case ok:
		return actions.Happened, reason.New("window_announced", "window", w.ID, "at", w.Announced), nil
	default:
		return actions.NotHappened, reason.New("window_not_announced"), nil
	}
}
