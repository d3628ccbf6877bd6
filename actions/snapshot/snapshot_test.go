package snapshot_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/exec"
	"guardian/actions/snapshot"
	"guardian/internal/secret"
)

// shell is a command that runs a line of shell, with a secret in its environment.
func shell(line string) *exec.Settings {
	s := exec.Kind().Settings().(*exec.Settings)
	s.Command = []string{"/bin/sh", "-c", line}
	s.Secrets = map[string]secret.Secret{"PGPASSWORD": secret.New("hunter2-db")}
	return s
}

func build(t *testing.T, s *snapshot.Settings) actions.Step {
	t.Helper()
	return actiontest.Build(t, snapshot.Kind(), s, actiontest.Env())
}

// taken writes a snapshot of some age with its sidecar, and gives the settings that put it back.
func taken(t *testing.T, text string, age time.Duration) (*snapshot.Settings, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "v2.dump")
	sum := sha256.Sum256([]byte(text))
	for name, text := range map[string]string{file: text, file + ".sha256": hex.EncodeToString(sum[:]) + "  v2.dump\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Dir(file)
	return &snapshot.Settings{
		File: dir + "/{{.From}}.dump", MinSize: 1, MaxAge: model.Duration(time.Hour), AcceptLoss: true,
		Restore: shell(`echo "with $PGPASSWORD"; test ! -e ` + dir + `/broken || { echo "no: $PGPASSWORD" >&2; exit 3; }; echo x >> ` + dir + `/restored-$GUARDIAN_INTENT; cp ` + file + ` ` + dir + `/data`),
	}, dir
}

func TestTakeContract(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		dir := t.TempDir()
		s := &snapshot.Settings{File: dir + "/{{.From}}.dump", MinSize: 1, Take: shell(`
cd ` + dir + `; echo "with $PGPASSWORD"; test ! -e broken || { echo "no: $PGPASSWORD" >&2; exit 3; }; echo data $(date +%N) > v2.dump; echo x >> taken`)}
		s.Take.StatusCommand = []string{"/bin/sh", "-c", "exit 1"}
		return actiontest.Target{
			Step: build(t, s), Call: actiontest.Call(), Effects: lines(t, dir+"/taken"), KnowsOutcome: true, Secrets: []string{"hunter2"},
			Break: func() { write(t, dir+"/broken", "") },
		}
	})
}

func TestRestoreContract(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		s, dir := taken(t, "data", time.Minute)
		s.Restore.StatusCommand = []string{"/bin/sh", "-c", `test ! -e ` + dir + `/broken && test -e ` + dir + `/restored-$GUARDIAN_INTENT`}
		return actiontest.Target{
			Step: build(t, s), Call: actiontest.Call(), Effects: lines(t, dir+"/restored-r_1-1"), KnowsOutcome: true, Secrets: []string{"hunter2"},
			Break: func() { write(t, dir+"/broken", "") },
		}
	})
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lines counts the lines of a file.
func lines(t *testing.T, name string) func() int {
	t.Helper()
	return func() int {
		b, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Count(string(b), "\n")
	}
}

// What is taken is put back as it was, and sha256sum agrees about it.
func TestWhatIsTakenIsPutBack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/data", "of before")
	take := build(t, &snapshot.Settings{File: dir + "/snap", MinSize: 1, Take: shell("cp " + dir + "/data " + dir + "/snap")})
	if out, err := take.Do(t.Context(), actiontest.Call()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write(t, dir+"/data", "spoiled")
	restore := build(t, &snapshot.Settings{
		File: dir + "/snap", MinSize: 1, MaxAge: model.Duration(time.Hour), AcceptLoss: true,
		Restore: shell("cd " + dir + " && sha256sum --check --strict snap.sha256 && cp snap data"),
	})
	if out, err := restore.Do(t.Context(), actiontest.Call()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if b, err := os.ReadFile(dir + "/data"); err != nil || string(b) != "of before" {
		t.Errorf("it is %q, %v", b, err)
	}
}

// Age, size and checksum are looked at before anything is touched, and a loss must be accepted.
func TestASnapshotThatMustNotBePutBackIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, s *snapshot.Settings, dir string)
		want   string
	}{
		"it is too old":   {func(_ *testing.T, s *snapshot.Settings, _ string) { s.MaxAge = model.Duration(9 * time.Minute) }, "10 min old, at most 9 min"},
		"it is too small": {func(_ *testing.T, s *snapshot.Settings, _ string) { s.MinSize = 5 }, "has 4 bytes, at least 5 wanted"},
		"it was changed":  {func(t *testing.T, _ *snapshot.Settings, dir string) { t.Helper(); write(t, dir+"/v2.dump", "date") }, "is not what its checksum says"},
		"it has no checksum": {func(t *testing.T, _ *snapshot.Settings, dir string) {
			t.Helper()
			_ = os.Remove(dir + "/v2.dump.sha256")
		}, "v2.dump.sha256: no such file"},
		"there is none":               {func(t *testing.T, _ *snapshot.Settings, dir string) { t.Helper(); _ = os.Remove(dir + "/v2.dump") }, "there is no snapshot"},
		"nobody accepts what is lost": {func(_ *testing.T, s *snapshot.Settings, _ string) { s.AcceptLoss = false }, "in the last 10 min, after the snapshot"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := taken(t, "data", 10*time.Minute)
			c.change(t, s, dir)
			st := build(t, s)
			_, err := st.Do(t.Context(), actiontest.Call())
			_, refused := st.(actions.Planner).Plan(t.Context(), actiontest.Call())
			for _, err := range []error{err, refused} {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want …%s…", err, c.want)
				}
			}
			if _, err := os.Stat(dir + "/data"); err == nil {
				t.Error("it was put back all the same")
			}
		})
	}
}

func TestAPlanSaysWhatIsLost(t *testing.T) {
	s, dir := taken(t, "data", 10*time.Minute)
	plan, err := build(t, s).(actions.Planner).Plan(t.Context(), actiontest.Call())
	if err != nil || !strings.Contains(plan.String(), "(4 bytes) is put back: what was written in the last 10 min is lost") {
		t.Errorf("%s, %v", plan, err)
	}
	if _, err := os.Stat(dir + "/data"); err == nil {
		t.Error("the plan put it back")
	}
}

func TestATakeThatWroteNothingIsAFailure(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"nothing":           {"true", "there is no"},
		"an empty file":     {": > v2.dump", "has 0 bytes"},
		"the one of before": {"touch other", "is the one of before"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if strings.Contains(c.want, "before") {
				write(t, dir+"/v2.dump", "old")
			}
			s := &snapshot.Settings{File: dir + "/v2.dump", MinSize: 1, Take: shell("cd " + dir + "; " + c.line)}
			if _, err := build(t, s).Do(t.Context(), actiontest.Call()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
			if _, err := os.Stat(dir + "/v2.dump.sha256"); err == nil {
				t.Error("it has a checksum")
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*snapshot.Settings)
		want   string
	}{
		"all is well":         {func(*snapshot.Settings) {}, ""},
		"nothing to do":       {func(s *snapshot.Settings) { s.Restore = nil }, "take: is missing"},
		"both":                {func(s *snapshot.Settings) { s.Take = shell("true") }, "restore: there is take already"},
		"no age":              {func(s *snapshot.Settings) { s.MaxAge = 0 }, "max_age: is missing"},
		"a relative file":     {func(s *snapshot.Settings) { s.File = "snap" }, "file: "},
		"a command's mistake": {func(s *snapshot.Settings) { s.Restore.Command = nil }, "restore: command: is missing"},
		"loss by taking":      {func(s *snapshot.Settings) { s.Take, s.Restore = s.Restore, nil }, "max_age and accept_loss are for restore"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &snapshot.Settings{File: "/snap", MinSize: 1, MaxAge: model.Duration(time.Hour), AcceptLoss: true, Restore: shell("true")}
			c.change(s)
			if err := s.Validate(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
		})
	}
}
