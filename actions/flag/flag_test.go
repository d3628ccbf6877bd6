package flag_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/flag"
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
	e := actiontest.Env()
	board := flags.NewBoard(flags.Options{
		Journal: j, Flags: func() []flags.Flag { return []flags.Flag{f} }, Commit: j.commit,
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	e.Now, e.Flags = time.Now, board
	return e, board
}

func pause() *flag.Settings {
	return &flag.Settings{Name: "pause-writes", Set: "on", For: model.Duration(2 * time.Hour)}
}

func TestContract(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		j := &flagJournal{}
		e, _ := flagEnv(t, j)
		return actiontest.Target{
			Step: actiontest.Build(t, flag.Kind(), pause(), e), Call: actiontest.Call(), Effects: func() int { return j.writes },
			Break: func() { j.broken = errors.New("the journal is away") }, KnowsOutcome: true, Deduplicates: true,
		}
	})
}

func TestAFlagIsSetForItsTimeByItsRun(t *testing.T) {
	j := &flagJournal{}
	e, board := flagEnv(t, j)
	out, err := actiontest.Build(t, flag.Kind(), pause(), e).Do(t.Context(), actiontest.Call())
	if err != nil || out != "pause-writes: on" {
		t.Fatalf("%q, %v", out, err)
	}
	s, err := board.One("pause-writes")
	if err != nil || s.Value != true || s.Change.Run != "r_1" || s.Change.Until.Sub(s.Change.At) != 2*time.Hour {
		t.Errorf("%+v, %v", s, err)
	}
	if out, err := actiontest.Build(t, flag.Kind(), &flag.Settings{Name: "pause-writes", Reset: true}, e).Do(t.Context(), theCallOf("r_1-2")); err != nil || out != "pause-writes: off" {
		t.Errorf("reset: %q, %v", out, err)
	}
}

func theCallOf(intent string) actions.Call {
	c := actiontest.Call()
	c.Intent = intent
	return c
}

func TestWhatSomebodySetAfterTheStepBeganIsNotSetAgain(t *testing.T) {
	j := &flagJournal{}
	e, board := flagEnv(t, j)
	call := actiontest.Call()
	call.Step.Started = time.Now().Add(-time.Minute)
	if _, err := board.Change(t.Context(), flags.Change{Flag: "pause-writes", By: "wang", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	got, detail, err := actiontest.Build(t, flag.Kind(), pause(), e).Status(t.Context(), call)
	if err != nil || got != actions.Unclear || !strings.Contains(detail.String(), "wang") {
		t.Errorf("%s (%s), %v", got, detail, err)
	}
}

func TestAFlagThatIsConfiguredNoMoreIsAFailure(t *testing.T) {
	e, _ := flagEnv(t, &flagJournal{})
	for name, s := range map[string]*flag.Settings{
		"the flag":    {Name: "other", Set: "on", For: model.Duration(time.Hour)},
		"the variant": {Name: "pause-writes", Set: "half", For: model.Duration(time.Hour)},
		"the time":    {Name: "pause-writes", Set: "on", For: model.Duration(48 * time.Hour)},
	} {
		if _, err := actiontest.Build(t, flag.Kind(), s, e).Do(t.Context(), actiontest.Call()); err == nil || errors.Is(err, actions.ErrUnclear) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
