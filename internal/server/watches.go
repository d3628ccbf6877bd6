package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/watch"
)

// Watches reads and cancels watches.
type Watches interface {
	// WatchList gives watches, newest first.
	WatchList(ctx context.Context, f Filter) ([]Watch, error)
	// Watch gives one watch, as soon as it is final or wait is over, whichever is first.
	Watch(ctx context.Context, id string, wait time.Duration) (Watch, error)
	// CancelWatch ends a watch without a verdict; ErrConflict when it is final already.
	CancelWatch(ctx context.Context, id string, by Caller) (Watch, error)
}

// Watch is a watch with its deploy, its evidence and what it led to.
type Watch struct {
	ID     string       `json:"id"`
	Deploy watch.Deploy `json:"deploy"`
	State  watch.State  `json:"state"`
	Mode   watch.Mode   `json:"mode"`
	// ModeReason is why Mode is not the service's; zero when it is.
	ModeReason reason.Reason    `json:"mode_reason,omitzero"`
	Reason     reason.Reason    `json:"reason,omitzero"`
	Started    time.Time        `json:"started"`
	Deadline   time.Time        `json:"deadline"`
	Ended      time.Time        `json:"ended,omitzero"`
	Alpha      float64          `json:"false_rollback,omitempty"` // the chance of a false rollback
	Verdict    *watch.Verdict   `json:"verdict,omitempty"`
	Evidence   []watch.Evidence `json:"evidence"`
	// EValue is the evidence of all checks together, and Trace what it was over time; at
	// Threshold the deploy fails.
	EValue    float64       `json:"e_value"`
	Threshold float64       `json:"threshold,omitempty"`
	Trace     []watch.Point `json:"trace,omitempty"`
	// FastPassed is when the watch passed its fast phase; it goes on until its deadline.
	FastPassed time.Time `json:"fast_passed,omitzero"`
	// Suspended is for how many seconds blindness has stopped the clock.
	Suspended float64 `json:"suspended_seconds,omitempty"`
	// Overlaps are other deploys that may be the cause too: of other services meanwhile, and of
	// another kind of the same service.
	Overlaps []watch.Overlap `json:"overlaps,omitempty"`
	// NotCovered is what the guarantee does not cover.
	NotCovered reason.Reason `json:"not_covered,omitzero"`
	Blind      []string      `json:"blind,omitempty"` // checks that cannot look now
	Rollback   *actions.Run  `json:"rollback"`        // null when none was started
	// Plan is what the Failed verdict led to, or in mode observe would have.
	Plan *actions.Plan `json:"plan,omitempty"`
	Mark *watch.Mark   `json:"mark,omitempty"` // what a person thinks of the verdict
}

// watchView is a watch in the API.
type watchView struct {
	Watch
	Rollback *runView `json:"rollback"`
	URL      string   `json:"url"`
}

// runView is a run in the API.
type runView struct {
	actions.Run
	Ledger []actions.Entry `json:"ledger,omitempty"`
	URL    string          `json:"url"`
}

func (s *Server) viewWatch(v Watch) watchView {
	v.Evidence = orEmpty(v.Evidence)
	view := watchView{Watch: v, URL: s.link("/watches/" + v.ID)}
	if v.Rollback != nil {
		run := s.viewRun(*v.Rollback)
		view.Rollback = &run
	}
	return view
}

func (s *Server) viewRun(run actions.Run) runView {
	run.Steps = orEmpty(run.Steps)
	return runView{Run: run, URL: s.link("/rollbacks/" + run.ID)}
}

func (s *Server) watches(from Watches) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := filter(r)
		if err != nil {
			return err
		}
		if err := known("?state", f.State, watch.Watching, watch.Passed, watch.Failed, watch.Inconclusive, watch.Superseded, watch.Cancelled); err != nil {
			return err
		}
		list, err := from.WatchList(r.Context(), f)
		if err != nil {
			return err
		}
		views := make([]watchView, 0, len(list))
		for _, v := range list {
			views = append(views, s.viewWatch(v))
		}
		return writeJSON(w, http.StatusOK, map[string]any{"watches": views})
	}
}

func (s *Server) watch(from Watches) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		wait, free, err := s.hold(w, r)
		if err != nil {
			return err
		}
		defer free()
		v, err := from.Watch(r.Context(), r.PathValue("id"), wait)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, s.viewWatch(v))
	}
}

func (s *Server) cancelWatch(watches Watches) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, true)
		if err != nil {
			return err
		}
		if err := o.done(); err != nil {
			return err
		}
		v, err := watches.CancelWatch(r.Context(), r.PathValue("id"), by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, s.viewWatch(v))
	}
}

// known checks a parameter that is empty or one of a closed set.
func known[T ~string](pointer, value string, set ...T) error {
	if value == "" {
		return nil
	}
	var list []string
	for _, v := range set {
		if string(v) == value {
			return nil
		}
		list = append(list, string(v))
	}
	return &InvalidError{Fields: []FieldError{{pointer, fmt.Sprintf("%q is not one of %s", clipped(value), strings.Join(list, ", "))}}}
}
