package actions_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/internal/flags"
)

// flagJournal is where a board keeps what was set.
type flagJournal struct {
	last   []flags.Change
	writes int
	broken error
}

func (j *flagJournal) Flags(context.Context) ([]flags.Change, error) { return j.last, j.broken }

func (j *flagJournal) commit(ctx context.Context, _ flags.Flag, c flags.Change) error {
	if err := errors.Join(ctx.Err(), j.broken); err != nil {
		return err
	}
	j.last, j.writes = []flags.Change{c}, j.writes+1
	return nil
}

func flagEnv(t *testing.T, j *flagJournal) (actions.Env, *flags.Board) {
	t.Helper()
	s := flags.Defaults()
	s.Name, s.Owner = "pause-writes", "price-team"
	f, err := flags.New(s)
	if err != nil {
		t.Fatal(err)
	}
	e := env()
	board := flags.NewBoard(flags.Options{
		Journal: j, Flags: func() []flags.Flag { return []flags.Flag{f} }, Commit: j.commit,
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	e.Now, e.Flags = time.Now, board
	return e, board
}

func pause() *actions.FlagSettings {
	return &actions.FlagSettings{Name: "pause-writes", Set: "on", For: model.Duration(2 * time.Hour)}
}

func TestFlagContract(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		j := &flagJournal{}
		e, _ := flagEnv(t, j)
		return actiontest.Target{
			Step: build(t, "flag", pause(), e), Call: theCall(), Effects: func() int { return j.writes },
			Break: func() { j.broken = errors.New("the journal is away") }, KnowsOutcome: true, Deduplicates: true,
		}
	})
}

func TestAFlagIsSetForItsTimeByItsRun(t *testing.T) {
	j := &flagJournal{}
	e, board := flagEnv(t, j)
	out, err := build(t, "flag", pause(), e).Do(t.Context(), theCall())
	if err != nil || out != "pause-writes: on" {
		t.Fatalf("%q, %v", out, err)
	}
	s, err := board.One("pause-writes")
	if err != nil || s.Value != true || s.Change.Run != "r_1" || s.Change.Until.Sub(s.Change.At) != 2*time.Hour {
		t.Errorf("%+v, %v", s, err)
	}
	if out, err := build(t, "flag", &actions.FlagSettings{Name: "pause-writes", Reset: true}, e).Do(t.Context(), theCallOf("r_1-2")); err != nil || out != "pause-writes: off" {
		t.Errorf("reset: %q, %v", out, err)
	}
}

func theCallOf(intent string) actions.Call {
	c := theCall()
	c.Intent = intent
	return c
}

func TestWhatSomebodySetAfterTheStepBeganIsNotSetAgain(t *testing.T) {
	j := &flagJournal{}
	e, board := flagEnv(t, j)
	call := theCall()
	call.Step.Started = time.Now().Add(-time.Minute)
	if _, err := board.Change(t.Context(), flags.Change{Flag: "pause-writes", By: "wang", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	got, detail, err := build(t, "flag", pause(), e).Status(t.Context(), call)
	if err != nil || got != actions.Unclear || !strings.Contains(detail.String(), "wang") {
		t.Errorf("%s (%s), %v", got, detail, err)
	}
}

func TestAFlagThatIsConfiguredNoMoreIsAFailure(t *testing.T) {
	e, _ := flagEnv(t, &flagJournal{})
	for name, s := range map[string]*actions.FlagSettings{
		"the flag":    {Name: "other", Set: "on", For: model.Duration(time.Hour)},
		"the variant": {Name: "pause-writes", Set: "half", For: model.Duration(time.Hour)},
		"the time":    {Name: "pause-writes", Set: "on", For: model.Duration(48 * time.Hour)},
	} {
		if _, err := build(t, "flag", s, e).Do(t.Context(), theCall()); err == nil || errors.Is(err, actions.ErrUnclear) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARunThatSetsKillSwitchesIsOverWhenTheyAreSet(t *testing.T) {
	set := actions.RunbookStep{Name: "pause", Kind: "flag", Step: act{do: ok}}
	for name, c := range map[string]struct {
		steps    []actions.RunbookStep
		rollback bool
		verified bool
	}{
		"of an alert":                 {steps: []actions.RunbookStep{set}},
		"with another step":           {steps: []actions.RunbookStep{set, step("restart", act{do: ok})}, verified: true},
		"as the rollback of a deploy": {steps: []actions.RunbookStep{set}, rollback: true, verified: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.steps...)
				r.looks["push"], r.looks["api"] = "u", "u"
				run := r.through(t, func(q *actions.Request) { q.Rollback = c.rollback })
				if run.State != actions.Cured || slices.Contains(r.seen, actions.Verifying) != c.verified {
					t.Errorf("%s (%s) after %v", run.State, run.Reason, r.seen)
				}
			})
		})
	}
}
