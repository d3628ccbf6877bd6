package flag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/flags"
	"guardian/internal/reason"
)

// Settings is a step that sets a kill switch which the sellers' own jobs read, or gives it its
// default back.
type Settings struct {
	Name  string         `yaml:"name" doc:"The flag, one of flags."`
	Set   string         `yaml:"set" doc:"The variant that holds from now on."`
	For   model.Duration `yaml:"for" doc:"For how long, at most the flag's max_for: the default holds again afterwards."`
	Reset bool           `yaml:"reset" doc:"Give the flag its default back, instead of set and for."`
}

// Kind is the kind of these steps.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings { return &Settings{} }, func(s Settings, env actions.Env) (*step, error) {
		return &step{s, env}, s.Validate()
	})
}

// Validate joins every mistake. Whether there is such a flag is for those to say who know all flags.
func (s *Settings) Validate() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("name: is missing; name one of flags"))
	}
	switch {
	case s.Reset && (s.Set != "" || s.For != 0):
		errs = append(errs, errors.New("reset: gives the default back; remove set and for, or reset"))
	case s.Reset:
	case s.Set == "":
		errs = append(errs, errors.New("set: is missing; name a variant of the flag, such as on, or write reset: true"))
	case s.For <= 0:
		errs = append(errs, errors.New("for: is missing; say for how long, such as 2h: the default holds again afterwards"))
	}
	return errors.Join(errs...)
}

type step struct {
	s   Settings
	env actions.Env
}

// Plan implements actions.Planner.
func (f *step) Plan(context.Context, actions.Call) (reason.Reason, error) {
	if f.s.Reset {
		return reason.New("flag_plan_reset", "flag", f.s.Name), nil
	}
	return reason.New("flag_plan", "flag", f.s.Name, "variant", f.s.Set, "for", time.Duration(f.s.For)), nil
}

// Do writes the change into the journal, from where every guardian serves it.
func (f *step) Do(ctx context.Context, call actions.Call) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if _, err := call.Data(); err != nil {
		return "", err
	}
	now := f.env.Now()
	c := flags.Change{
		Flag: f.s.Name, Run: call.Run.ID, Reason: call.Run.Trigger.Reason, Intent: call.Intent, At: now,
	}
	if !f.s.Reset {
		c.Variant, c.Until = f.s.Set, now.Add(time.Duration(f.s.For))
	}
	state, err := f.env.Flags.Change(ctx, c)
	var invalid *flags.InvalidError
	switch {
	case errors.Is(err, flags.ErrUnknown), errors.As(err, &invalid):
		return "", actions.Failure(reason.New("flag_refused", "flag", f.s.Name, "error", err), err)
	case err != nil:
		return "", actions.Lost(reason.New("flag_not_written", "flag", f.s.Name, "error", err), err)
	}
	return fmt.Sprintf("%s: %s", state.Name, state.Variant), nil
}

// Status asks the journal.
func (f *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	last, err := f.env.Flags.Last(ctx, f.s.Name)
	switch {
	case err != nil:
		return actions.Unclear, reason.Reason{}, actions.Failure(reason.New("flag_not_read", "flag", f.s.Name, "error", err), err)
	case last.Intent != "" && last.Intent == call.Intent:
		return actions.Happened, reason.New("flag_written", "flag", f.s.Name, "at", last.At), nil
	case last.At.After(call.Step.Started) && !call.Step.Started.IsZero():
		// Somebody changed it after this step began: a person decides what shall hold.
		return actions.Unclear, reason.New("flag_changed_since", "flag", f.s.Name, "by", cmp.Or(last.By, last.Run), "at", last.At), nil
	default:
		return actions.NotHappened, reason.New("flag_not_changed", "flag", f.s.Name), nil
	}
}
