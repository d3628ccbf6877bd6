package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/ssh"
	"guardian/actions/sshconn"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/test/sshd"
)

func settings(s *sshd.Server, command ...string) *ssh.Settings {
	set := ssh.Kind().Settings().(*ssh.Settings)
	set.Host, set.Port, set.User, set.Command = s.Host, s.Port, s.User, command
	set.KnownHosts, set.KeyFile = s.KnownHosts, s.KeyFile
	set.Grace = model.Duration(2 * time.Second)
	return set
}

func build(t *testing.T, s *ssh.Settings) actions.Step {
	t.Helper()
	return actiontest.Build(t, ssh.Kind(), s, actiontest.Env())
}

// script writes a program onto the machine.
func script(t *testing.T, s *sshd.Server, text string) string {
	t.Helper()
	path := filepath.Join(s.Folder(t), "program's")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Give(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestContract(t *testing.T) {
	server := sshd.Start(t, "TOKEN")
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		dir := server.Folder(t)
		broken := `if [ -e "` + dir + `/broken" ]; then echo "cannot with $TOKEN" >&2; exit 3; fi
`
		s := settings(server, script(t, server, `echo "token $TOKEN"; cat
`+broken+`echo x >> "`+dir+`/done-$1"`), "{{.Intent}}")
		s.StatusCommand = []string{script(t, server, broken+`test -e "`+dir+`/done-$1"`), "{{.Intent}}"}
		s.Secrets = map[string]secret.Secret{"TOKEN": secret.New("hunter2-env")}
		s.Stdin = secret.New("hunter2-stdin")
		return actiontest.Target{
			Step: build(t, s), Call: actiontest.Call(), Secrets: []string{"hunter2"}, KnowsOutcome: true,
			Effects: func() int {
				text, _ := os.ReadFile(filepath.Join(dir, "done-r_1-1"))
				return strings.Count(string(text), "x")
			},
			Break: func() {
				if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// What the shell of the machine makes of the line is what the program gets.
func TestArgumentsReachTheProgramAsTheyStand(t *testing.T) {
	server := sshd.Start(t)
	odd := []string{"", "a b", "it's", `back\slash`, `\'`, "$(id); `id` && * ~ #!", "two\nlines", "-n", "=x", "运营", "{{.Reason}}"}
	s := settings(server, append([]string{script(t, server, `for a in "$@"; do printf '[%s]\n' "$a"; done`)}, odd...)...)
	out, err := build(t, s).Do(t.Context(), actiontest.Call())
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, a := range odd {
		want.WriteString("[" + strings.ReplaceAll(a, "{{.Reason}}", `it said "no"`) + "]\n")
	}
	if out != want.String() {
		t.Errorf("%q, want %q", out, want.String())
	}
}

func TestCommandsEnd(t *testing.T) {
	server := sshd.Start(t)
	for name, c := range map[string]struct {
		script, err string
		unclear     bool
	}{
		"well":                            {"exit 0", "", false},
		"with a status":                   {"exit 3", "exit status 3", false},
		"not there":                       {"/no/such/program", "exit status 127", false},
		"killed by somebody":              {"kill -9 $$", "signal KILL", true},
		"in the middle of its time":       {"sleep 60", "was stopped", true},
		"in the middle, and will not end": {"trap '' TERM; while :; do sleep 1; done", "was stopped", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			out, err := build(t, settings(server, script(t, server, "exec 2>&1; echo begun\n"+c.script))).Do(ctx, actiontest.Call())
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || errors.Is(err, actions.ErrUnclear) != c.unclear {
				t.Errorf("error %v, want …%s…, unclear %v", err, c.err, c.unclear)
			}
			if !strings.HasPrefix(out, "begun\n") {
				t.Errorf("output %q", out)
			}
		})
	}
}

// A program that ran out of time, and what it started, does not go on on the machine.
func TestATimeoutEndsTheProgramOnTheMachine(t *testing.T) {
	server := sshd.Start(t)
	pidFile := filepath.Join(server.Folder(t), "pid")
	s := settings(server, script(t, server, `trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > "$1.new"; mv "$1.new" "$1"; wait`), pidFile)
	s.Grace = model.Duration(100 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		actiontest.WaitFor(t, "its child", func() bool { return exists(pidFile) })
		cancel()
	}()
	_, err := build(t, s).Do(ctx, actiontest.Call())
	if !errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "was stopped") {
		t.Fatalf("error %v", err)
	}
	actiontest.WaitForEnd(t, pidFile)
}

// The connection is gone, and the program goes on: nobody knows, until the machine is asked.
func TestALostConnectionIsNotKnown(t *testing.T) {
	server := sshd.Start(t)
	dir := server.Folder(t)
	s := settings(server, script(t, server, `cd "$1"; echo $$ > begun; while [ ! -e go ]; do sleep 0.1; done; echo x >> done`), dir)
	s.StatusCommand = []string{script(t, server, `cd "$1"; test -e done && exit 0; test -e begun && kill -0 $(cat begun) && exit 75; exit 1`), dir}
	step := build(t, s)
	go func() {
		actiontest.WaitFor(t, "its begin", func() bool { return exists(filepath.Join(dir, "begun")) })
		server.Cut()
	}()
	_, err := step.Do(t.Context(), actiontest.Call())
	if !errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "connection to 127.0.0.1 was lost") {
		t.Fatalf("error %v", err)
	}
	if got, detail, err := step.Status(t.Context(), actiontest.Call()); got != actions.Pending || err != nil {
		t.Errorf("while it runs: %s (%s), %v", got, detail, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	actiontest.WaitFor(t, "its end", func() bool { return exists(filepath.Join(dir, "done")) })
	if got, detail, err := step.Status(t.Context(), actiontest.Call()); got != actions.Happened || err != nil {
		t.Errorf("after it: %s (%s), %v", got, detail, err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "done")); string(text) != "x\n" {
		t.Errorf("it happened %q", text)
	}
}

func TestAMachineThatIsAwayIsAFailureAndNoQuestion(t *testing.T) {
	server := sshd.Start(t)
	step := build(t, settings(server, "true"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := step.Do(ctx, actiontest.Call()); err == nil || errors.Is(err, actions.ErrUnclear) || errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
	server.Stop()
	if _, err := step.Do(t.Context(), actiontest.Call()); err == nil || errors.Is(err, actions.ErrUnclear) {
		t.Errorf("without the machine: %v", err)
	}
}

func TestWithoutAStatusCommandAPersonIsAsked(t *testing.T) {
	server := sshd.Start(t)
	got, detail, err := build(t, settings(server, "true")).Status(t.Context(), actiontest.Call())
	if got != actions.Unclear || err != nil || !strings.Contains(detail.String(), "no status_command") {
		t.Errorf("%s (%s), %v", got, detail, err)
	}
}

func TestSecretsAreInNoListOfProcesses(t *testing.T) {
	server := sshd.Start(t, "TOKEN")
	s := settings(server, script(t, server, `test "$(cat)" = hunter2-stdin && test "$TOKEN" = hunter2-env && cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c 'hunter[2]'; echo asked`))
	s.Secrets = map[string]secret.Secret{"TOKEN": secret.New("hunter2-env")}
	s.Stdin = secret.New("hunter2-stdin")
	out, err := build(t, s).Do(t.Context(), actiontest.Call())
	if err != nil || out != "0\nasked\n" {
		t.Errorf("%q, %v", out, err)
	}
	s.Secrets = map[string]secret.Secret{"OTHER": secret.New("hunter2-env")}
	if out, err := build(t, s).Do(t.Context(), actiontest.Call()); err == nil || !strings.Contains(err.Error(), "AcceptEnv OTHER") || errors.Is(err, actions.ErrUnclear) || out != "" {
		t.Errorf("a variable that the machine does not take: %q, %v", out, err)
	}
}

// A version or a reason may hold a secret when nobody expects it.
func TestASecretThatATemplateGivesIsNoArgument(t *testing.T) {
	server := sshd.Start(t)
	mark := filepath.Join(server.Folder(t), "mark")
	s := settings(server, "touch", mark, "{{.Reason}}")
	s.Stdin = secret.New("hunter2-stdin")
	call := actiontest.Call()
	call.Run.Trigger.Reason = reason.Text("it said hunter2-stdin")
	if _, err := build(t, s).Do(t.Context(), call); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "argument 2 would hold a secret") || exists(mark) {
		t.Errorf("error %v", err)
	}
}

func TestOutputIsBounded(t *testing.T) {
	server := sshd.Start(t)
	s := settings(server, script(t, server, `echo the beginning; i=0; while [ $i -lt 6000 ]; do echo "hunter2-stdin in a line of the middle that is long" >&2; i=$((i+1)); done; sleep 0.1; echo the end`))
	s.Stdin = secret.New("hunter2-stdin")
	out, err := build(t, s).Do(t.Context(), actiontest.Call())
	if err != nil {
		t.Fatal(err)
	}
	if len(out) > actions.MaxOutput+100 || !strings.HasSuffix(out, "the end\n") || !strings.Contains(out, "bytes left out") || strings.Contains(out, "hunter2") {
		t.Errorf("%d bytes, to %q", len(out), out[len(out)-20:])
	}
}

func TestAPlanLogsInAndRunsNothing(t *testing.T) {
	server := sshd.Start(t)
	mark := filepath.Join(server.Folder(t), "mark")
	s := settings(server, "touch", mark, "{{.To}}")
	plan, err := build(t, s).(actions.Planner).Plan(t.Context(), actiontest.Call())
	if want := fmt.Sprintf("would run as %s on 127.0.0.1:%d: touch %s v1.4.2", s.User, s.Port, mark); err != nil || plan.String() != want || exists(mark) {
		t.Errorf("%q, %v; want %q and no file", plan, err, want)
	}
	server.Stop()
	if _, err := build(t, s).(actions.Planner).Plan(t.Context(), actiontest.Call()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("a machine that is away: %v", err)
	}
}

func TestSettings(t *testing.T) {
	e := actiontest.Env()
	e.Redactor.Learn(secret.New("hunter2-known"))
	for name, c := range map[string]struct {
		change func(*ssh.Settings)
		want   string
	}{
		"all is well":             {func(*ssh.Settings) {}, ""},
		"nothing to run":          {func(s *ssh.Settings) { s.Command = nil }, "command: is missing"},
		"a line for a shell":      {func(s *ssh.Settings) { s.Command = []string{"deploy --to v1"} }, "the name of one program"},
		"a secret as an argument": {func(s *ssh.Settings) { s.Command = []string{"deploy", "hunter2-known"} }, "command[1]: holds a secret"},
		"a secret to ask with":    {func(s *ssh.Settings) { s.StatusCommand = []string{"ask", "hunter2-own"} }, "status_command[1]: holds a secret"},
		"a template with a typo":  {func(s *ssh.Settings) { s.Command = []string{"deploy", "{{.Too}}"} }, "Too"},
		"a user in the host":      {func(s *ssh.Settings) { s.Host = "deploy@orders-1" }, "host: \"deploy@orders-1\" is not"},
		"no user":                 {func(s *ssh.Settings) { s.User = "" }, "user: "},
		"an option as a user":     {func(s *ssh.Settings) { s.User = "-oProxyCommand=id" }, "user: "},
		"no port":                 {func(s *ssh.Settings) { s.Port = 0 }, "port: 0"},
		"nobody knows the host":   {func(s *ssh.Settings) { s.KnownHosts = "" }, "ssh-keyscan -p 22 orders-1"},
		"no key":                  {func(s *ssh.Settings) { s.KeyFile = "" }, "key_file: is missing"},
		"two keys":                {func(s *ssh.Settings) { s.Agent = "/run/agent" }, "agent: stands beside key_file"},
		"an agent's passphrase": {func(s *ssh.Settings) {
			s.Login = sshconn.Login{KnownHosts: "x", Agent: "/run/agent", Passphrase: secret.New("hunter2-own")}
		}, "passphrase: is for key_file"},
		"a variable with a name that there is not": {func(s *ssh.Settings) { s.Secrets = map[string]secret.Secret{"A=B": secret.New("c")} }, "not the name of an environment variable"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ssh.Kind().Settings().(*ssh.Settings)
			s.Host, s.User, s.KnownHosts, s.KeyFile, s.Command = "orders-1", "deploy", "known_hosts", "key", []string{"deploy", "--to", "{{.To}}"}
			s.Stdin = secret.New("hunter2-own")
			c.change(s)
			_, err := ssh.Kind().Build(s, e)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}
