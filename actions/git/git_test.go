package git_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/git"
	"guardian/actions/sshconn"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/test/sshd"
)

func TestContractOverSSH(t *testing.T) {
	server := sshd.Start(t)
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		r := newRepository(t, server)
		s := r.settings()
		s.SSH.Passphrase = secret.New("hunter2-passphrase") // the key has none: it is no harm
		s.Message = "Back to {{.To}}, not hunter2-known\n\nGuardian-Intent: r_9-9"
		e := actiontest.Env()
		e.Redactor.Learn(secret.New("hunter2-known"))
		return actiontest.Target{
			Step: actiontest.Build(t, git.Kind(), s, e), Call: actiontest.Call(), Effects: func() int { return r.commits(t) },
			Break: func() {
				r.hook(t, "pre-receive", "cat; git cat-file commit $(cut -d' ' -f2) >&2; echo cannot with hunter2-known >&2; exit 1")
			},
			Secrets: []string{"hunter2"}, KnowsOutcome: true, Deduplicates: true,
		}
	})
}

func TestContractOverHTTPS(t *testing.T) {
	server := sshd.Start(t)
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		r := newRepository(t, server)
		f := newForge(t, filepath.Dir(r.bare))
		return actiontest.Target{
			Step: build(t, r.over(f)), Call: actiontest.Call(), Effects: func() int { return r.commits(t) },
			Break:   func() { f.set(func() { f.broken = true }) },
			Secrets: []string{"hunter2"}, KnowsOutcome: true, Deduplicates: true,
		}
	})
}

func TestThePathIsAsInTheGoodVersion(t *testing.T) {
	server := sshd.Start(t)
	for name, c := range map[string]struct {
		change func(*testing.T, *repository, *git.Settings)
		path   string
	}{
		"a folder":                            {func(*testing.T, *repository, *git.Settings) {}, "apps/order-sync"},
		"a file":                              {func(_ *testing.T, _ *repository, s *git.Settings) { s.Path = "apps/{{.Service}}/app.yaml" }, "apps/order-sync/app.yaml"},
		"a file that the bad version removed": {func(_ *testing.T, _ *repository, s *git.Settings) { s.Path = "apps/{{.Service}}/old.txt" }, "apps/order-sync/old.txt"},
		"an annotated tag":                    {func(_ *testing.T, _ *repository, s *git.Settings) { s.Revision, s.From = "stable-{{.To}}", "{{.From}}" }, "apps/order-sync"},
		"a commit": {func(t *testing.T, r *repository, s *git.Settings) {
			t.Helper()
			s.Revision, s.From = r.git(t, r.bare, "rev-parse", "v1.4.2^{}"), "{{.From}}"
		}, "apps/order-sync"},
		"the beginning of a commit": {func(t *testing.T, r *repository, s *git.Settings) {
			t.Helper()
			s.Revision, s.From = r.git(t, r.bare, "rev-parse", "--short=9", "v1.4.2^{}"), "{{.From}}"
		}, "apps/order-sync"},
		"the commit before": {func(_ *testing.T, _ *repository, s *git.Settings) { s.Revision, s.From = "{{.From}}^^", "{{.From}}" }, "apps/order-sync"},
		"a commit that is older than what is looked through": {func(t *testing.T, r *repository, s *git.Settings) {
			t.Helper()
			r.git(t, r.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
			r.git(t, r.bare, "config", "uploadpack.allowFilter", "true")
			s.Revision, s.From, s.History = r.git(t, r.bare, "rev-parse", "v1.4.2^{}"), "{{.From}}", 2
		}, "apps/order-sync"},
		"what a file says": {func(_ *testing.T, _ *repository, s *git.Settings) {
			s.Revision, s.Find = "", &git.FindSettings{File: "apps/{{.Service}}/app.yaml", Text: "newTag: {{.To}}"}
		}, "apps/order-sync"},
		"what a file says, without other files": {func(t *testing.T, r *repository, s *git.Settings) {
			t.Helper()
			r.git(t, r.bare, "config", "uploadpack.allowFilter", "true")
			s.Revision, s.Find = "", &git.FindSettings{File: "apps/{{.Service}}/app.yaml", Text: "newTag: {{.To}}"}
		}, "apps/order-sync"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, server)
			r.somebody(t, map[string]string{"apps/price-sync/app.yaml": app("v9")}) // elsewhere
			s, before := r.settings(), r.head(t)
			c.change(t, r, s)
			out, err := build(t, s).Do(t.Context(), actiontest.Call())
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if diff := r.git(t, r.bare, "diff", "--stat", "v1.4.2", "main", "--", c.path); diff != "" {
				t.Errorf("it differs from the good version:\n%s", diff)
			}
			if diff := r.git(t, r.bare, "diff", "--name-only", before, "main", "--", ".", ":!"+c.path); diff != "" {
				t.Errorf("something else was changed:\n%s", diff)
			}
			if parent := r.git(t, r.bare, "rev-parse", "main^"); parent != before {
				t.Errorf("it follows %s, want %s", parent, before)
			}
			if said := r.git(t, r.bare, "fsck", "--strict"); said != "" && !strings.HasPrefix(said, "dangling") {
				t.Errorf("fsck: %s", said)
			}
			if !strings.Contains(out, "main is now at "+r.head(t)[:10]) {
				t.Errorf("output %q", out)
			}
		})
	}
}

func TestTheWholeTree(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	s := r.settings()
	s.Path = ""
	call := actiontest.Call()
	call.Run.Trigger.Reason = reason.Text("orders are lost")
	out, err := build(t, s).Do(t.Context(), call)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := r.git(t, r.bare, "diff", "--stat", "v1.4.2", "main"); diff != "" {
		t.Errorf("it differs from the good version:\n%s", diff)
	}
	if got, want := r.git(t, r.bare, "log", "-1", "--format=%an <%ae>|%B", "main"), "Guardian <guardian@localhost>|Put everything back to v1.4.2\n\norders are lost\n\nGuardian-Intent: r_1-1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := r.git(t, r.bare, "log", "-1", "--format=%(trailers:key=Guardian-Intent,valueonly)", "main"); got != "r_1-1" {
		t.Errorf("the trailer is %q", got)
	}
}

func TestNothingToChangeIsNoCommit(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	r.git(t, r.clone, "revert", "--no-edit", "HEAD")
	r.git(t, r.clone, "push", "-q", "origin", "main")
	before := r.head(t)
	out, err := build(t, r.settings()).Do(t.Context(), actiontest.Call())
	if err != nil || !strings.Contains(out, "nothing to change: /apps/order-sync on main") || r.head(t) != before {
		t.Errorf("%q, %v, %s", out, err, r.head(t))
	}
}

// What others changed since the bad version is theirs: it is told, and stays.
func TestWhatOthersChangedSinceIsNotLost(t *testing.T) {
	server := sshd.Start(t)
	for name, c := range map[string]struct {
		change func(*git.Settings)
	}{
		"by tags": {func(*git.Settings) {}},
		"by what a file says": {func(s *git.Settings) {
			s.Revision, s.Find = "", &git.FindSettings{File: "apps/order-sync/app.yaml", Text: "newTag: {{.To}}"}
		}},
		"the whole tree": {func(s *git.Settings) { s.Path = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, server)
			r.somebody(t, map[string]string{"apps/order-sync/replicas": "3\n"})
			s, before := r.settings(), r.head(t)
			c.change(s)
			step := build(t, s)
			out, err := step.Do(t.Context(), actiontest.Call())
			if err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "would be lost") || !strings.Contains(err.Error(), before[:10]+" (Somebody else's work)") {
				t.Errorf("%q, %v", out, err)
			}
			if r.head(t) != before {
				t.Error("it was pushed")
			}
			if _, err := step.(actions.Planner).Plan(t.Context(), actiontest.Call()); err == nil || !strings.Contains(err.Error(), "would be lost") {
				t.Errorf("the plan says %v", err)
			}
		})
	}
}

func TestWithoutTheBadVersionNothingIsChanged(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	before := r.head(t)
	call := actiontest.Call()
	call.Run.From = "v1.9"
	_, err := build(t, r.settings()).Do(t.Context(), call)
	if err == nil || !strings.Contains(err.Error(), "bad version is not known") || r.head(t) != before {
		t.Errorf("%v", err)
	}
	call.Run.From = ""
	if _, err := build(t, r.settings()).Do(t.Context(), call); err == nil || r.head(t) != before {
		t.Errorf("without a bad version: %v", err)
	}
}

// Somebody pushes between the fetch and the push: the commit is made anew on theirs, and what they
// changed in the path is not lost.
func TestABranchThatMovesOnIsNeverForced(t *testing.T) {
	server := sshd.Start(t)
	moves := `[ -e moved ] && exit 0
touch moved; unset GIT_QUARANTINE_PATH
git update-ref refs/heads/main refs/heads/side`
	for name, c := range map[string]struct{ file, err string }{
		"elsewhere":   {"apps/price-sync/app.yaml", ""},
		"in the path": {"apps/order-sync/app.yaml", "would be lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, server)
			r.commit(t, "Somebody else's work", map[string]string{c.file: app("v11")})
			r.git(t, r.clone, "push", "-q", "origin", "HEAD:side")
			side := r.git(t, r.bare, "rev-parse", "side")
			r.hook(t, "pre-receive", moves)
			out, err := build(t, r.settings()).Do(t.Context(), actiontest.Call())
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || errors.Is(err, actions.ErrUnclear) {
				t.Fatalf("%v\n%s", err, out)
			}
			if r.git(t, r.bare, "merge-base", "main", side) != side || r.file(t, c.file) != strings.TrimSpace(app("v11")) {
				t.Error("somebody's commit is lost")
			}
			if want := map[bool]int{true: 1, false: 0}[c.err == ""]; r.commits(t) != want {
				t.Errorf("it was committed %d times, want %d", r.commits(t), want)
			}
		})
	}
}

func TestARefusedPushSaysWhy(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	r.hook(t, "pre-receive", "echo protected branch: open a merge request >&2; exit 1")
	out, err := build(t, r.settings()).Do(t.Context(), actiontest.Call())
	if err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "pre-receive hook declined") || !strings.Contains(err.Error(), "open a merge request") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Without the contents of files, a repository of any size is small; a server that sends them is left
// before they fill the memory.
func TestWhatIsFetchedIsBounded(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	for _, dir := range []string{r.bare, r.clone} { // it is random: to compress it takes long and gives nothing
		r.git(t, dir, "config", "core.compression", "0")
		r.git(t, dir, "config", "core.bigFileThreshold", "1m")
	}
	if out, err := r.server.Command("dd", "if=/dev/urandom", "of="+filepath.Join(r.clone, "large"), "bs=1M", "count=34").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.commit(t, "A large file", nil)
	r.git(t, r.clone, "push", "-q", "origin", "main")
	if _, err := build(t, r.settings()).Do(t.Context(), actiontest.Call()); err == nil || !strings.Contains(err.Error(), "uploadpack.allowFilter") {
		t.Fatalf("error %v", err)
	}
	r.git(t, r.bare, "config", "uploadpack.allowFilter", "true")
	if out, err := build(t, r.settings()).Do(t.Context(), actiontest.Call()); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAHistoryThatEndsTooEarlyIsNoNo(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	s := r.settings()
	s.History = 2
	step, call := build(t, s), actiontest.Call()
	if got, detail, err := step.Status(t.Context(), call); got != actions.Unclear || err != nil || !strings.Contains(detail.String(), "raise history") {
		t.Errorf("%s (%s), %v", got, detail, err)
	}
	call.Step.Started = actiontest.Env().Now().AddDate(0, 0, 1) // long after those commits
	if got, detail, err := step.Status(t.Context(), call); got != actions.NotHappened || err != nil {
		t.Errorf("%s (%s), %v", got, detail, err)
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	server := sshd.Start(t)
	r := newRepository(t, server)
	f := newForge(t, filepath.Dir(r.bare))
	for name, c := range map[string]struct {
		settings *git.Settings
		change   func(*git.Settings)
		want     string
	}{
		"a branch":            {r.settings(), func(s *git.Settings) { s.Branch = "production" }, "no branch production"},
		"a tag":               {r.settings(), func(s *git.Settings) { s.Revision = "release-{{.To}}" }, "release-v1.4.2 is no tag"},
		"a path":              {r.settings(), func(s *git.Settings) { s.Path = "apps/erp" }, "/apps/erp is not in"},
		"a path below a file": {r.settings(), func(s *git.Settings) { s.Path = "README/x" }, "/README/x is not in"},
		"a text": {r.settings(), func(s *git.Settings) {
			s.Revision, s.Find = "", &git.FindSettings{File: "apps/order-sync/app.yaml", Text: "tag: {{.To}}-rc1"}
		}, "do not tell when apps/order-sync/app.yaml got the line tag: v1.4.2-rc1"},
		"a part of a version": {r.settings(), func(s *git.Settings) {
			s.Revision, s.Find = "", &git.FindSettings{File: "apps/order-sync/app.yaml", Text: `newTag: {{trimPrefix "v" .To | printf "%.3s" | printf "v%s"}}`}
			s.Find.Text = `newTag: {{if eq .To "v2"}}v2{{else}}{{slice .To 0 2}}{{end}}`
		}, "got the line newTag: v1"},
		"a repository":           {r.settings(), func(s *git.Settings) { s.URL = strings.Replace(s.URL, "fig.git", "none.git", 1) }, "does not appear to be a git repository"},
		"a repository over http": {r.over(f), func(s *git.Settings) { s.URL = strings.Replace(s.URL, "fig.git", "none.git", 1) }, "404"},
		"a token that is right":  {r.over(f), func(s *git.Settings) { s.Token = secret.New("hunter2-other") }, "look at username and token"},
		"the authority":          {r.over(f), func(s *git.Settings) { s.CAFile = "" }, "certificate"},
		"the authority's file":   {r.over(f), func(s *git.Settings) { s.CAFile = "/no/such.pem" }, "read ca_file /no/such.pem: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			c.change(c.settings)
			out, err := build(t, c.settings).Do(t.Context(), actiontest.Call())
			if err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error()+out, "hunter2") {
				t.Errorf("%q, %v; want …%s…", out, err, c.want)
			}
		})
	}
}

func TestAPlanNamesTheFilesAndPushesNothing(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	before := r.head(t)
	plan, err := build(t, r.settings()).(actions.Planner).Plan(t.Context(), actiontest.Call())
	if err != nil || r.head(t) != before {
		t.Fatal(err)
	}
	for _, want := range []string{"/apps/order-sync on main, now at " + before[:10] + " (order-sync: v2)", "(order-sync: v1.4.2)", "3 files change: apps/order-sync/app.yaml, apps/order-sync/deep/er/new.txt and apps/order-sync/old.txt"} {
		if !strings.Contains(plan.String(), want) {
			t.Errorf("%q, want …%s…", plan, want)
		}
	}
}

// Nobody who looks at the machine's processes, and no file, learns the token.
func TestNothingIsLeftOnTheMachine(t *testing.T) {
	server := sshd.Start(t)
	r := newRepository(t, server)
	f := newForge(t, filepath.Dir(r.bare))
	s := r.over(f)
	said := filepath.Join(t.TempDir(), "said")
	r.hook(t, "pre-receive", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c 'hunter[2]' > "+said+"; exit 0")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	e := actiontest.Env()
	e.Redactor.Learn(secret.New("hunter2-known"))
	s.Message = "Back to {{.To}}, not hunter2-known\n\nGuardian-Intent: r_9-9"
	if out, err := actiontest.Build(t, git.Kind(), s, e).Do(t.Context(), actiontest.Call()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if text, err := os.ReadFile(said); err != nil || strings.TrimSpace(string(text)) != "0" {
		t.Errorf("processes with the token: %q, %v", text, err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if text := r.git(t, r.bare, "log", "-1", "--format=%B", "main"); strings.Contains(text, "hunter2") || strings.Contains(text, "r_9-9") || !strings.HasPrefix(text, "Back to v1.4.2, not <secret>\n") {
		t.Errorf("the commit says %q", text)
	}
}

// What somebody did after the step's commit is not undone by the step's being asked again.
func TestAnIntentIsDoneOnce(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	step := build(t, r.settings())
	if out, err := step.Do(t.Context(), actiontest.Call()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.git(t, r.clone, "pull", "-q", "--rebase", "origin", "main")
	r.git(t, r.clone, "revert", "--no-edit", "HEAD")
	r.git(t, r.clone, "push", "-q", "origin", "main")
	before := r.head(t)
	if out, err := step.Do(t.Context(), actiontest.Call()); err != nil || r.head(t) != before || !strings.Contains(out, "this step pushed") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A token is for one server.
func TestARedirectIsNotFollowed(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	f := newForge(t, filepath.Dir(r.bare))
	f.set(func() { f.redirect = true })
	out, err := build(t, r.over(f)).Do(t.Context(), actiontest.Call())
	if err == nil || !strings.Contains(err.Error(), "/moved/con%20fig.git") && !strings.Contains(err.Error(), "/moved/") || !strings.Contains(err.Error(), "give the final address") || r.commits(t) != 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*git.Settings)
		want   string
	}{
		"all is well":      {func(*git.Settings) {}, ""},
		"as git writes it": {func(s *git.Settings) { s.URL = "git@git.example.com:shop/config.git" }, ""},
		"over https": {func(s *git.Settings) {
			s.URL, s.SSH, s.Token = "https://git.example.com/shop/config.git", nil, secret.New("hunter2-own")
		}, ""},
		"no address":             {func(s *git.Settings) { s.URL = "" }, "url: is missing"},
		"a path on this machine": {func(s *git.Settings) { s.URL = "/srv/config.git" }, "url: is none of"},
		"an open protocol":       {func(s *git.Settings) { s.URL = "git://git.example.com/config.git" }, "url: git is not supported"},
		"a password in it":       {func(s *git.Settings) { s.URL = "ssh://git:hunter2-url@git.example.com/config.git" }, "url: holds a password"},
		"nobody knows the host":  {func(s *git.Settings) { s.SSH.KnownHosts = "" }, "ssh.known_hosts: is missing"},
		"no key":                 {func(s *git.Settings) { s.SSH = nil }, "ssh.key_file: is missing"},
		"no token":               {func(s *git.Settings) { s.URL, s.SSH = "https://git.example.com/config.git", nil }, "token: is missing"},
		"a token in plain text": {func(s *git.Settings) {
			s.URL, s.SSH, s.Token = "http://git.example.com/config.git", nil, secret.New("hunter2-own")
		}, "over http everybody"},
		"a token for ssh":          {func(s *git.Settings) { s.Token = secret.New("hunter2-own") }, "token and ca_file are for"},
		"no version":               {func(s *git.Settings) { s.Revision = "" }, "revision: is missing"},
		"two ways":                 {func(s *git.Settings) { s.Find = &git.FindSettings{File: "a", Text: "{{.To}}"} }, "find: stands beside revision"},
		"the same for all":         {func(s *git.Settings) { s.Revision = "stable" }, "from: is missing"},
		"a text that is always so": {func(s *git.Settings) { s.Revision, s.Find = "", &git.FindSettings{File: "a", Text: "tag:"} }, "find.text: does not use .To"},
		"half a search":            {func(s *git.Settings) { s.Revision, s.Find = "", &git.FindSettings{Text: "tag: {{.To}}"} }, "find: needs file and text"},
		"a path that leaves":       {func(s *git.Settings) { s.Path = "apps/../.." }, "path: \"apps/../..\" is not a path within"},
		"a path of the machine":    {func(s *git.Settings) { s.Path = "/apps" }, "path: \"/apps\" is not a path within"},
		"no branch":                {func(s *git.Settings) { s.Branch = "a..b" }, "branch: \"a..b\" is not"},
		"an author of two lines":   {func(s *git.Settings) { s.Author.Name = "a\nb" }, "author: "},
		"no history":               {func(s *git.Settings) { s.History = 0 }, "history: "},
		"a template with a typo":   {func(s *git.Settings) { s.Path = "apps/{{.Servce}}" }, "Servce"},
	} {
		t.Run(name, func(t *testing.T) {
			s := git.Kind().Settings().(*git.Settings)
			s.URL, s.Revision, s.SSH = "ssh://git@git.example.com/shop/config.git", "{{.To}}", &sshconn.Login{KnownHosts: "known_hosts", KeyFile: "key"}
			c.change(s)
			_, err := git.Kind().Build(s, actiontest.Env())
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
		})
	}
}
