//go:build !race

package killed_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guardian/test/rig"
)

// A rollback of six steps of different kinds is killed at every point at which something of it is in the
// journal, and between each step and the record of its outcome. After the next start each step has taken
// effect exactly once, or, where nothing tells whether it did, the run waits for a person and says why.
func TestKilledAtEveryPointOfARun_Plain(t *testing.T) {
	binary, err := rig.BuildMortal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	repository := newRepository(t)
	w := newWorld(t, repository)
	g := w.guardian(binary)
	g.Start()
	begin(g)
	g.RunState(onlyRun(t, g).ID, "cured")
	if diff := cmp.Diff(once(), w.effects(g)); diff != "" {
		t.Fatalf("effects of a run that nobody disturbs (-want +got):\n%s", diff)
	}
	all := points(g.Log.String())
	g.Kill()
	// It is created, each step has an intent and an outcome, it is verified, and it ends.
	if want := 1 + 2*len(stepNames()) + 2; count(all, "record") != want || count(all, "act") != len(stepNames()) {
		t.Fatalf("the run has the points %q, want %d records and %d acts", all, want, len(stepNames()))
	}
	t.Run("points", func(t *testing.T) {
		for _, point := range all {
			// Then once more, when what happened has been found out and nothing of that is done yet.
			for _, again := range []string{"", "record 1"} {
				if again != "" && !strings.HasPrefix(point, "act") {
					continue
				}
				t.Run(strings.TrimSpace(point+" "+again), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, repository)
					g := w.guardian(binary)
					killed(t, w, g, point, again)
				})
			}
		}
	})
}

func count(points []string, what string) (n int) {
	for _, p := range points {
		if strings.HasPrefix(p, what) {
			n++
		}
	}
	return n
}

func onlyRun(t *testing.T, g *rig.Guardian) rig.RunView {
	t.Helper()
	runs := g.Runs()
	if len(runs) != 1 {
		t.Fatalf("there are %d runs, want one: %+v", len(runs), runs)
	}
	return runs[0]
}

// killed lets a guardian end at a point of a run, and at another one of its next life, and looks at what
// the one after that makes of it.
func killed(t *testing.T, w *world, g *rig.Guardian, point, again string) {
	t.Helper()
	g.DieAt(point)
	g.Start()
	begin(g)
	g.Died()
	if again != "" {
		g.DieAt(again)
		g.Launch()
		g.Died()
	}
	calls, _ := w.announced()
	g.DieAt("")
	g.Start()
	id := onlyRun(t, g).ID
	var r rig.RunView
	g.Eventually("the run over, or asking", func() bool {
		err := g.Try(http.MethodGet, "/api/v1/rollbacks/"+id+"?wait=1s", nil, &r)
		return err == nil && (r.Question != nil || slices.Contains([]string{"cured", "not_cured", "worse", "failed"}, r.State))
	})
	// The fourth step's deploy tool tells nobody what it did: from its intent, the eighth record, to its outcome.
	if asks := point == "record 8" || point == "act 4"; asks != (r.Question != nil) {
		t.Errorf("killed at %s it asks %+v", point, r.Question)
	}
	if r.Question != nil {
		if r.Question.Code != "outcome_unknown" || !strings.Contains(r.Question.Text, "announce") || !strings.Contains(r.Reason, "announce") {
			t.Fatalf("it asks %+v because %q", r.Question, r.Reason)
		}
		if now, _ := w.announced(); now != calls {
			t.Errorf("it was done again before a person answered")
		}
		answer := map[int]string{0: "repeat", 1: "done"}[calls]
		g.Call(http.MethodPost, fmt.Sprintf("/api/v1/rollbacks/%s/%s", id, answer), map[string]any{}, nil)
	}
	r = g.RunState(id, "cured")
	if diff := cmp.Diff(once(), w.effects(g)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	if calls, keys := w.announced(); keys != calls {
		t.Errorf("%d calls came with %d keys", calls, keys)
	}
	for _, s := range r.Steps {
		if s.State != "done" {
			t.Errorf("step %s is %s", s.Name, s.State)
		}
	}
}
