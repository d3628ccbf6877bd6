package git_test

import (
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/git"
	"guardian/test/sshd"
)

// The path is held against the version's commit, whatever others do beside it.
func TestThePathIsHeldAgainstTheVersion(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	found := r.settings()
	found.Revision, found.Find = "", &git.FindSettings{File: "apps/{{.Service}}/app.yaml", Text: "newTag: {{.To}}"}
	sight := func(s *git.Settings, version string) (actions.Part, error) {
		t.Helper()
		c := actiontest.Call()
		c.Run.To, c.Run.From = version, version
		got, err := build(t, s).(actions.Sighted).Sight(t.Context(), c)
		if err != nil {
			return actions.Part{}, err
		}
		return got.Parts[0], nil
	}
	check := func(when, version string, want actions.Fit) {
		t.Helper()
		before := r.head(t)
		for by, s := range map[string]*git.Settings{"tag": r.settings(), "text": found} {
			if p, err := sight(s, version); err != nil || p.Fit != want || p.Name != "main:/apps/order-sync" || p.Runs == "" || p.Should == "" {
				t.Errorf("%s, %s by its %s: %+v, %v", when, version, by, p, err)
			}
		}
		if r.head(t) != before {
			t.Error("looking changed the branch")
		}
	}
	check("after the deploy", "v2", actions.Fits)
	check("after the deploy", "v1.4.2", actions.Differs)
	r.somebody(t, map[string]string{"apps/price-sync/app.yaml": app("v9")})
	check("with another service changed", "v2", actions.Fits)
	r.somebody(t, map[string]string{"apps/order-sync/app.yaml": app("v3")})
	check("changed by hand", "v2", actions.Differs)
	if _, err := sight(r.settings(), "v77"); err == nil {
		t.Error("a version without a commit is compared")
	}
	before := r.settings()
	before.Revision, before.From = "{{.From}}^", "{{.From}}"
	if _, can := actions.Sees(build(t, before)); can {
		t.Error("the commit before a version is taken for its own")
	}
}
