package exec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/exec"
	"guardian/internal/secret"
)

// What Windows and editors do to scripts is named as that, and not as a missing file.
func TestNamesWhatIsWrongWithAScript(t *testing.T) {
	file := func(text string, mode os.FileMode) func(*testing.T) *exec.Settings {
		return func(t *testing.T) *exec.Settings {
			t.Helper()
			path := filepath.Join(t.TempDir(), "rollback.sh")
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
			return settings(path)
		}
	}
	by := func(shell, text string) func(*testing.T) *exec.Settings {
		return func(t *testing.T) *exec.Settings {
			t.Helper()
			s := file(text, 0o600)(t)
			s.Dir, s.Command = filepath.Dir(s.Command[0]), []string{shell, "rollback.sh"}
			return s
		}
	}
	for name, c := range map[string]struct {
		settings func(*testing.T) *exec.Settings
		want     string // "": it runs
	}{
		"all is well":                     {file("#!/bin/sh\nexit 0\n", 0o700), ""},
		"without the run bit":             {file("#!/bin/sh\nexit 0\n", 0o600), "chmod +x"},
		"with line ends of Windows":       {file("#!/bin/sh\r\nexit 0\r\n", 0o700), "Windows line ends (CRLF)"},
		"these, found by env":             {file("#!/usr/bin/env sh\r\nexit 0\r\n", 0o700), "Windows line ends (CRLF)"},
		"these, given to a shell":         {by("sh", "exit 3\r\n"), "Windows line ends (CRLF)"},
		"a shell's script that is right":  {by("sh", "exit 3\n"), "exit status 3"},
		"with a byte order mark":          {file("\ufeff#!/bin/sh\nexit 0\n", 0o700), "byte order mark"},
		"with an interpreter that is not": {file("#!/no/such/bash -e\nexit 0\n", 0o700), "the interpreter /no/such/bash -e, which is not there"},
		"without an interpreter":          {file("exit 0\n", 0o700), "#!/bin/sh"},
		"that is not there":               {func(*testing.T) *exec.Settings { return settings("/no/such/rollback.sh") }, "start rollback.sh: no such file"},
		"in a folder that is not there": {func(t *testing.T) *exec.Settings {
			t.Helper()
			s := file("#!/bin/sh\n", 0o700)(t)
			s.Dir = "/no/such/folder"
			return s
		}, "its working directory (dir) is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			step := actiontest.Build(t, exec.Kind(), c.settings(t), actiontest.Env())
			foreseen := c.want
			if strings.HasPrefix(foreseen, "exit status") {
				foreseen = "" // that shows only when it runs
			}
			plan, err := step.(actions.Planner).Plan(t.Context(), actiontest.Call())
			if (err == nil) != (foreseen == "") || err != nil && !strings.Contains(err.Error(), foreseen) || !strings.Contains(plan.String(), "on the guardian's own machine") {
				t.Errorf("the preview says %q, error %v, want …%s…", plan, err, foreseen)
			}
			out, err := step.Do(t.Context(), actiontest.Call())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…\n%s", err, c.want, out)
			}
		})
	}
}

func TestOutputAndReasonsAreFitForPages(t *testing.T) {
	s := settings(script(t, `printf '\033[31mtoken hun\033[0mter2-env\033[0m\r\n'; printf 'neither \342\200\256done\n'; exit 9`))
	s.StatusCommand = s.Command
	s.Secrets = map[string]secret.Secret{"TOKEN": secret.New("hunter2-env")}
	step := actiontest.Build(t, exec.Kind(), s, actiontest.Env())
	out, _ := step.Do(t.Context(), actiontest.Call())
	if want := "token <secret>\nneither done\n"; out != want {
		t.Errorf("output %q, want %q", out, want)
	}
	if _, detail, _ := step.Status(t.Context(), actiontest.Call()); strings.ContainsRune(detail.String(), '\u202e') {
		t.Errorf("the detail %q turns the direction of writing", detail)
	}
}

// A preview starts nothing, and says what it knows of the command that would ask after a crash.
func TestAPreviewStartsNothing(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	s := settings(script(t, "touch "+mark))
	s.StatusCommand = []string{"/no/such/status.sh"}
	plan, err := actiontest.Build(t, exec.Kind(), s, actiontest.Env()).(actions.Planner).Plan(t.Context(), actiontest.Call())
	if err != nil || !strings.Contains(plan.String(), "Its status_command cannot be run") || !strings.Contains(plan.String(), "status.sh") {
		t.Errorf("the preview says %q, error %v", plan, err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("it was run")
	}
	_, err = actiontest.Build(t, exec.Kind(), settings("sh", "/no/such/rollback.sh"), actiontest.Env()).(actions.Planner).Plan(t.Context(), actiontest.Call())
	if err == nil || !strings.Contains(err.Error(), "sh would find no script /no/such/rollback.sh") {
		t.Errorf("of a script that is given to a shell and not there: %v", err)
	}
}
