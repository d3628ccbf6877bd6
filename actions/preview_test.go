package actions_test

import (
	"fmt"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/docker"
	"guardian/actions/exec"
	"guardian/actions/kinds"
	"guardian/actions/webhook"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// previewed gives the lines of the one step of a runbook.
func previewed(t *testing.T, kind string, settings any, run actions.Run) (lines []string, problem string) {
	t.Helper()
	s := actions.NewRunbookSettings()
	st := actions.NewStepSettings()
	st.Kind, st.Settings = kind, settings
	s.Name, s.Steps = "back", []actions.StepSettings{st}
	e := actiontest.Env()
	e.Redactor.Learn(secret.New("hunter2-known"))
	book, err := actions.NewRunbook(s, kinds.Builtin(), e)
	if err != nil {
		t.Fatal(err)
	}
	all := book.Preview(run, e.Redactor)
	if len(all) != 1 || all[0].Kind != kind {
		t.Fatalf("%+v", all)
	}
	for _, v := range all[0].Settings {
		lines = append(lines, v.Key+": "+v.Value)
	}
	return lines, all[0].Problem.String()
}

func program(command ...string) *exec.Settings {
	s := exec.Kind().Settings().(*exec.Settings)
	s.Command = command
	return s
}

func TestAPreviewFillsTemplatesInAndShowsNoSecret(t *testing.T) {
	hook := kinds.Builtin()["webhook"].Settings().(*webhook.Settings)
	hook.URL = "https://bot:hunter2-url@deploy.example.com/hooks/T0K3nT0K3nT0K3nT0K3n/{{.Service}}?key=hunter2q&to={{.To}}"
	hook.Headers = map[string]secret.Secret{"Authorization": secret.New("Bearer hunter2-token")}
	hook.Body = `{"version": {{json .To}}, "why": {{json .Reason}}, "note": "hunter2-known", "key": {{json .Intent}}}`
	hook.Poll = &webhook.PollSettings{URL: "https://deploy.example.com/{{.Answer.id}}", Done: webhook.MatchSettings{Path: "state", In: []string{"{{.To}}", "ok"}}}
	script := program("/opt/back.sh", "{{.To}}", "--from={{.From}}")
	script.Secrets = map[string]secret.Secret{"TOKEN": secret.New("hunter2-env")}
	script.Stdin = secret.New("hunter2-stdin")
	container := kinds.Builtin()["docker"].Settings().(*docker.Settings)
	container.Container, container.Image = "orders", "registry.example.com/orders:{{tag .To}}"
	for kind, c := range map[string]struct {
		settings any
		want     []string
	}{
		"webhook": {hook, []string{
			"url: https://bot:<secret>@deploy.example.com/hooks/<secret>/order-sync?key=<secret>&to=v1.4.2+7", "method: POST", "headers.Authorization: <secret>",
			`body: {"version": "v1.4.2+7", "why": "it said \"no\"", "note": "<secret>", "key": "r_dry-run-1"}`,
			"poll.url: https://deploy.example.com/{{.Answer.id}}", "poll.done.path: state", `poll.done.in: ["v1.4.2+7","ok"]`,
		}},
		"exec":   {script, []string{`command: ["/opt/back.sh","v1.4.2+7","--from=v2"]`, "secrets.TOKEN: <secret>", "stdin: <secret>"}},
		"docker": {container, []string{"container: orders", "image: registry.example.com/orders:v1.4.2_7"}},
	} {
		t.Run(kind, func(t *testing.T) {
			run := actiontest.Call().Run
			run.To = "v1.4.2+7"
			run.Trigger.Reason = reason.Text(`it said "no"`)
			lines, problem := previewed(t, kind, c.settings, run)
			for _, want := range c.want {
				if !strings.Contains("\n"+strings.Join(lines, "\n")+"\n", "\n"+want+"\n") {
					t.Errorf("it lacks %q:\n%s", want, strings.Join(lines, "\n"))
				}
			}
			if problem != "" || strings.Contains(fmt.Sprint(lines), "hunter2") {
				t.Errorf("problem %q, or a secret in\n%s", problem, strings.Join(lines, "\n"))
			}
		})
	}
}

func TestAPreviewSaysWhatCannotBeFilledIn(t *testing.T) {
	run := actiontest.Call().Run
	run.To = "--force"
	if _, problem := previewed(t, "exec", program("/opt/back.sh", "{{.To}}"), run); !strings.Contains(problem, "no version has") {
		t.Errorf("problem %q", problem)
	}
	run.To = "v9"
	if lines, problem := previewed(t, "exec", program("/opt/back.sh", `{{if eq .To "v9"}}{{index .To 99}}{{end}}`), run); problem == "" {
		t.Errorf("no problem in %v", lines)
	}
}
