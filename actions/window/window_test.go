package window_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/window"
	"guardian/internal/windows"
)

// journal is where a board keeps windows.
type journal struct {
	all    []windows.Window
	broken error
}

func (j *journal) Windows(context.Context, time.Time) ([]windows.Window, error) {
	return j.all, j.broken
}

func (j *journal) env() actions.Env {
	e := actiontest.Env()
	e.Windows = windows.NewBoard(windows.Options{
		Journal: j, Services: func() []string { return []string{"order-sync", "prices"} },
		Commit: func(ctx context.Context, w windows.Window) error {
			if err := errors.Join(ctx.Err(), j.broken); err != nil {
				return err
			}
			j.all = append(j.all, w)
			return nil
		},
		NewID: func() string { return fmt.Sprintf("win_%d", len(j.all)+1) }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	return e
}

func TestContract(t *testing.T) {
	for name, kind := range map[string]actions.Kind{"freeze": window.Freeze(), "maintenance": window.Maintenance()} {
		t.Run(name, func(t *testing.T) {
			actiontest.Run(t, func(t *testing.T) actiontest.Target {
				t.Helper()
				j := &journal{}
				return actiontest.Target{
					Step: actiontest.Build(t, kind, &window.Settings{For: model.Duration(time.Hour)}, j.env()), Call: actiontest.Call(),
					Effects: func() int { return len(j.all) }, Break: func() { j.broken = errors.New("the disk is full") },
					KnowsOutcome: true, Deduplicates: true,
				}
			})
		})
	}
}

func TestWhoseWindowItIs(t *testing.T) {
	for name, c := range map[string]struct {
		settings window.Settings
		service  string
		refused  bool
	}{
		"the run's own service":          {settings: window.Settings{}, service: "order-sync"},
		"another one":                    {settings: window.Settings{Service: "prices"}, service: "prices"},
		"all":                            {settings: window.Settings{All: true}, service: ""},
		"one that is configured no more": {settings: window.Settings{Service: "price"}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			j := &journal{}
			c.settings.For = model.Duration(2 * time.Hour)
			began := time.Now()
			out, err := actiontest.Build(t, window.Freeze(), &c.settings, j.env()).Do(t.Context(), actiontest.Call())
			if c.refused {
				if err == nil || errors.Is(err, actions.ErrUnclear) || len(j.all) != 0 {
					t.Errorf("%q, %v; %d windows", out, err, len(j.all))
				}
				return
			}
			if err != nil || len(j.all) != 1 {
				t.Fatalf("%q, %v; %d windows", out, err, len(j.all))
			}
			w := j.all[0]
			if w.Kind != windows.Freeze || w.Service != c.service || w.Run != "r_1" || w.From.Before(began) || w.To.Sub(w.From).Round(time.Second) != 2*time.Hour || !strings.Contains(w.Reason.String(), "no") {
				t.Errorf("%+v", w)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		settings window.Settings
		want     string
	}{
		"without a time":          {window.Settings{}, "for: say for how long"},
		"for longer than a month": {window.Settings{For: model.Duration(32 * 24 * time.Hour)}, "at most 31d"},
		"of one and of all":       {window.Settings{For: model.Duration(time.Hour), All: true, Service: "prices"}, "all: not together with service"},
	} {
		if err := c.settings.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
