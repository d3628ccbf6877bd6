package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guardian/internal/cli"
)

const planOfOrders = `{"service":"orders","environment":"production","kind":"code","runbook":"back","to":"v1","from":"v3",
"state":"STATE","refusals":[],"automatic":{"mode":"approve","state":"refused","refusals":[{"code":"cooldown","detail":"run r_1 ended at 2026-11-30 13:40 UTC; the cool-down lasts until 2026-11-30 14:10 UTC"}]},
"loses":[{"version":"v3","since":"2026-11-30T13:00:00+08:00"},{"version":"v2","since":"2026-11-29T13:00:00Z","proof":"bad"}],"loses_more":false,
"steps":[{"name":"jenkins","kind":"webhook","timeout":"20m","idempotent":false,"settings":[{"key":"url","value":"https://ci/job"},{"key":"body","value":"{\n\"to\": \"v1\"}"}]PROBLEM}],"must_recover":["push"]}`

func TestADryRunShowsWhatARollbackWouldDo(t *testing.T) {
	for name, c := range map[string]struct {
		state, problem string
		code           int
		says           string
	}{
		"it would start":                   {"running", "", 0, "if a person asks:        would start"},
		"it would ask":                     {"awaiting_approval", "", 0, "would wait for a person's approval"},
		"it would be refused":              {"refused", "", 1, "if a person asks:        would be refused"},
		"a template cannot be filled in":   {"running", `,"problem":"fill in url: no"`, 1, "problem: fill in url: no"},
		"a step would fail":                {"running", `,"refused":"start deploy.sh: no such file or directory"`, 1, "if a person asks:        would start, and fail at step 1\n"},
		"as JSON, with the same exit code": {"refused", "", 1, `"state":"refused"`},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method+" "+r.URL.String())
				_, _ = io.WriteString(w, strings.NewReplacer("STATE", c.state, "PROBLEM", c.problem).Replace(planOfOrders))
			}))
			defer s.Close()
			args := []string{"rollback", "--server", s.URL, "--service", "orders", "--to", "v1", "--dry-run"}
			if strings.HasPrefix(name, "as JSON") {
				args = append(args, "--output", "json")
			}
			var out, errs bytes.Buffer
			code := cli.Main(args, strings.NewReader(""), &out, &errs)
			if code != c.code || !strings.Contains(out.String(), c.says) || errs.Len() > 0 {
				t.Errorf("exit code %d, %s%s", code, out.String(), errs.String())
			}
			if len(asked) != 1 || asked[0] != "GET /api/v1/rollbacks/plan?service=orders&to=v1" {
				t.Errorf("asked for %q: a dry run only reads", asked)
			}
			if !strings.HasPrefix(out.String(), "{") {
				for _, want := range []string{
					"orders (production): v3 → v1 by runbook back\n", "\n    no guard is against it\n", "after a failed verdict:  would be refused (mode approve)\n    cooldown: run r_1",
					"would be lost: v3 (runs now, since 2026-11-30 05:00 UTC)\n", "would be lost: v2 (bad, since 2026-11-29 13:00 UTC)\n",
					"step 1: jenkins (webhook, timeout 20m)\n    url: https://ci/job\n", "afterwards must be up: push\n", "Nothing was done.\n",
				} {
					if !strings.Contains(out.String(), want) {
						t.Errorf("it lacks %q:\n%s", want, out.String())
					}
				}
			}
		})
	}
}

func TestARefusedRollbackSaysWhyAndWhatToDo(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"r_1","service":"orders","from":"v2","to":"","state":"refused","reason":"no known good version: let one pass a watch, or list it under known_good"}`)
	}))
	defer s.Close()
	var out, errs bytes.Buffer
	code := cli.Main([]string{"rollback", "--server", s.URL, "--service", "orders", "--reason", "why"}, strings.NewReader(""), &out, &errs)
	if code != 1 || !strings.Contains(out.String(), "refused no known good version: let one pass") ||
		!strings.Contains(out.String(), "with --to VERSION") || !strings.Contains(out.String(), "guardian rollback --service orders --dry-run") {
		t.Errorf("exit code %d, %s%s", code, out.String(), errs.String())
	}
}
