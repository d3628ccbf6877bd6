package actions_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/exec"
	"guardian/actions/kinds"
)

// branch is a step of exec that says what it is for.
func branch(name string, change func(*actions.StepSettings)) actions.StepSettings {
	st := actions.NewStepSettings()
	s := program("deploy", name)
	st.Name, st.Kind, st.Settings = name, "exec", s
	if change != nil {
		change(&st)
	}
	return st
}

// plannedOf gives the steps of a runbook that are done in a run.
func plannedOf(t *testing.T, s actions.RunbookSettings, req actions.Request) string {
	t.Helper()
	book, err := actions.NewRunbook(s, kinds.Builtin(), actiontest.Env())
	if err != nil {
		t.Fatal(err)
	}
	run := actions.NewRun(req, book, actiontest.Env().Now())
	var names []string
	for _, p := range run.Planned() {
		names = append(names, p.Name)
	}
	planned := strings.Join(names, ", ")
	if got := s.Applies(run); got != (len(names) > 0) {
		t.Errorf("applies: %v, and its steps are %q", got, planned)
	}
	return planned
}

func TestConditionsOfSteps(t *testing.T) {
	all := written()
	all.Steps = []actions.StepSettings{
		branch("code", func(s *actions.StepSettings) { s.When = []string{`kind="code"`} }),
		branch("config", func(s *actions.StepSettings) { s.When = []string{`kind="config"`} }),
		branch("v2", func(s *actions.StepSettings) { s.When = []string{`from=~"v2.*"`, `to!="v0"`} }),
		branch("main", func(s *actions.StepSettings) { s.When = []string{`shop="tb-main"`} }),
		branch("singapore", func(s *actions.StepSettings) { s.When = []string{`shop=~"sg-.*"`} }),
		branch("person", func(s *actions.StepSettings) {
			s.When = []string{`trigger="person"`, `service="order-sync"`, `environment=production`}
		}),
	}
	for name, c := range map[string]struct {
		change func(*actions.Request)
		want   string
	}{
		"code, to all shops": {func(r *actions.Request) { r.Kind = "code" }, "code, v2, main, singapore"},
		"to one shop":        {func(r *actions.Request) { r.Kind, r.Shops = "code", []string{"sg-1"} }, "code, v2, singapore"},
		"to others":          {func(r *actions.Request) { r.Kind, r.Shops = "config", []string{"my-1", "tb-main"} }, "config, v2, main"},
		"to none of them":    {func(r *actions.Request) { r.Kind, r.Shops, r.From = "operation", []string{"my-1"}, "v3" }, ""},
		"not to v0":          {func(r *actions.Request) { r.To, r.Shops = "v0", []string{"my-1"} }, ""},
		"by a person":        {func(r *actions.Request) { r.Trigger.Kind, r.Shops = actions.ByPerson, []string{"x"} }, "v2, person"},
	} {
		t.Run(name, func(t *testing.T) {
			req := request()
			c.change(&req)
			if got := plannedOf(t, all, req); got != c.want {
				t.Errorf("done are %q, want %q", got, c.want)
			}
		})
	}
}

// TestStepsForEachShop: one for each shop that has the version, in one group, with its name and its shop.
func TestStepsForEachShop(t *testing.T) {
	s := written()
	s.Steps = []actions.StepSettings{
		branch("first", nil),
		{Name: "shops", Parallel: []actions.StepSettings{
			branch("switch", func(s *actions.StepSettings) {
				s.Shops, s.Settings = []string{"tb-main", "sg-1", "my-1"}, program("switch", "--shop", "{{.Shop}}", "--to", "{{.To}}")
			}),
			branch("lazada", func(s *actions.StepSettings) { s.When = []string{`shop=~"lz-.*"`} }),
		}, When: []string{`kind="code"`}},
	}
	req := request()
	req.Kind, req.Shops = "code", []string{"sg-1", "my-1"}
	if got := plannedOf(t, s, req); got != "first, switch sg-1, switch my-1" {
		t.Errorf("done are %q", got)
	}
	req.Shops = nil
	if got := plannedOf(t, s, req); got != "first, switch tb-main, switch sg-1, switch my-1, lazada" {
		t.Errorf("done at all shops are %q", got)
	}
	req.Kind = "config"
	if got := plannedOf(t, s, req); got != "first" {
		t.Errorf("done for a configuration are %q: the group's condition is that of its steps", got)
	}
	book, err := actions.NewRunbook(s, kinds.Builtin(), actiontest.Env())
	if err != nil {
		t.Fatal(err)
	}
	req.Kind, req.Shops = "code", []string{"sg-1"}
	previews := book.Preview(actions.NewRun(req, book, actiontest.Env().Now()), nil)
	if previews[2].Settings[0].Value != `["switch","--shop","sg-1","--to","v1"]` || previews[2].Group != "shops" || !previews[2].Skipped.IsZero() {
		t.Errorf("shown is %+v", previews[2])
	}
	if why := previews[1].Skipped.String(); why != `it is for shop="tb-main", and this run has sg-1` {
		t.Errorf("skipped because %q", why)
	}
}

// TestWhatIsNotMeantIsNotDone: also not in the engine, and the run ends as if it were not there.
func TestWhatIsNotMeantIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}), step("b", act{do: fails}))
		when, err := whenOf(`shop="sg-1"`)
		if err != nil {
			t.Fatal(err)
		}
		r.book.Steps[1].When = when
		r.looks["push"], r.looks["api"] = "u", "u"
		run := r.through(t, func(q *actions.Request) { q.Shops = []string{"tb-main"} })
		if run.State != actions.Cured || states(run) != "a done, b skipped" {
			t.Errorf("%s: %s", run.State, states(run))
		}
	})
}

// whenOf gives a step's condition as a runbook builds it.
func whenOf(matchers ...string) (actions.When, error) {
	s := written()
	s.Steps[0].When = matchers
	book, err := actions.NewRunbook(s, kinds.Builtin(), actiontest.Env())
	if err != nil {
		return nil, err
	}
	return book.Steps[0].When, nil
}

func TestMistakesInRunbooks(t *testing.T) {
	number := func(query string, limits ...float64) actions.NumberSettings {
		n := actions.NumberSettings{Query: query}
		if len(limits) > 0 {
			n.Min = &limits[0]
		}
		if len(limits) > 1 {
			n.Max = &limits[1]
		}
		return n
	}
	for name, c := range map[string]struct {
		change func(*actions.RunbookSettings)
		want   []string
	}{
		"a fact that no run has": {
			func(s *actions.RunbookSettings) { s.Steps[0].When = []string{`shpo="a"`, `kind`} },
			[]string{`steps[0]: when[0]: "shpo" is nothing that a run knows; choose one of service, environment, kind, from, to, shop, trigger`, `when[1]: "kind" is no matcher`},
		},
		"no regular expression":    {func(s *actions.RunbookSettings) { s.Steps[0].When = []string{`from=~"("`} }, []string{"steps[0]: when[0]: "}},
		"a fallback that is never": {func(s *actions.RunbookSettings) { s.Fallback = []actions.StepSettings{branch("f", nil)} }, []string{"fallback: is never reached"}},
		"no fallback":              {func(s *actions.RunbookSettings) { s.Steps[0].OnFailure = "fallback" }, []string{"fallback: is missing"}},
		"a fallback of a fallback": {func(s *actions.RunbookSettings) {
			s.OnFailure, s.Fallback = "fallback", []actions.StepSettings{branch("f", func(s *actions.StepSettings) { s.OnFailure = "fallback" })}
		}, []string{"fallback[0]: on_failure: fallback has no fallback of its own"}},
		"no choice": {
			func(s *actions.RunbookSettings) { s.Steps[0].OnFailure, s.Worse = "retry", "again" },
			[]string{`steps[0]: on_failure: "retry" is not one of stop, continue, fallback`, `worse: "again" is not one of hold, undo`},
		},
		"a group in a group": {func(s *actions.RunbookSettings) {
			inner := actions.StepSettings{Name: "inner", Parallel: []actions.StepSettings{branch("a", nil)}}
			s.Steps = []actions.StepSettings{{Name: "outer", Parallel: []actions.StepSettings{inner}}}
		}, []string{"steps[0]: parallel: a group holds no groups"}},
		"a group with what its steps have": {func(s *actions.RunbookSettings) {
			s.Steps = []actions.StepSettings{{Name: "g", Idempotent: true, Shops: []string{"a"}, Parallel: []actions.StepSettings{branch("a", nil)}}}
		}, []string{"steps[0]: shops: set it at the steps", "idempotent: set it at the steps"}},
		"the same name in a group": {func(s *actions.RunbookSettings) {
			s.Steps = append(s.Steps, actions.StepSettings{Name: "g", Parallel: []actions.StepSettings{branch("exec", nil)}})
		}, []string{`steps[1]: parallel[0]: the name "exec" is taken`}},
		"a shop that nobody named": {func(s *actions.RunbookSettings) { s.Steps[0].Settings = program("a", "{{.Shop}}") }, []string{"steps[0]: shops: is missing"}},
		"a shop twice":             {func(s *actions.RunbookSettings) { s.Steps[0].Shops = []string{"a", "a"} }, []string{"steps[0]: shops[1]: is empty or a duplicate"}},
		"a precondition of nothing": {func(s *actions.RunbookSettings) {
			s.Require = []actions.RequireSettings{actions.NewRequireSettings(), {Check: "a", Is: "green"}, {Check: "a", Is: "up", NumberSettings: number("up", 1)}}
		}, []string{"require[0]: check: is missing", `require[1]: is: "green" is not one of up, down`, "require[2]: check: goes without query"}},
		"queries": {func(s *actions.RunbookSettings) {
			s.Require = []actions.RequireSettings{{NumberSettings: number("sum("), Is: "up"}, {NumberSettings: number("a", 1, 2), Is: "up"}, {NumberSettings: number("a > 1", 1), Is: "up"}}
		}, []string{"require[0]: query: \"sum(\" is no PromQL", "require[1]: query: goes with one of min and max", "require[2]: query: is a comparison"}},
		"a criterion that cannot be seen": {func(s *actions.RunbookSettings) {
			s.Verify.Success = []actions.CriterionSettings{{NumberSettings: number("a", 1), For: s.Verify.For}}
		}, []string{"verify: success[0]: for: 5m cannot be seen within the 5m of verify.for"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := written()
			c.change(&s)
			_, err := actions.NewRunbook(s, kinds.Builtin(), actiontest.Env())
			if err == nil {
				t.Fatal("it is built")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %v\nwant …%s…", err, w)
				}
			}
		})
	}
}

// TestEveryStepOfARunbookIsFound: those in groups and of the fallback, too, for whoever looks through all.
func TestEveryStepOfARunbookIsFound(t *testing.T) {
	s := written()
	s.OnFailure = actions.OnFailureFallback
	s.Steps = append(s.Steps, actions.StepSettings{Name: "g", Parallel: []actions.StepSettings{branch("a", nil), branch("b", nil)}})
	s.Fallback = []actions.StepSettings{branch("f", func(st *actions.StepSettings) { st.Settings = program("x", "{{.To}}") })}
	var found []string
	for path, st := range s.All() {
		found = append(found, path+" "+st.Title())
	}
	if got := strings.Join(found, ", "); got != "steps[0] exec, steps[1].parallel[0] a, steps[1].parallel[1] b, fallback[0] f" {
		t.Error(got)
	}
	s.Steps = s.Steps[1:]
	if s.UsesVersion() == "" {
		t.Error("that the fallback uses the version is not found")
	}
	var _ *exec.Settings = program()
}
