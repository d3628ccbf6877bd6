package exec_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions/actiontest"
	"guardian/actions/exec"
	"guardian/internal/secret"
)

// A program of another kind gets its arguments as they stand, and no more environment than is set. What it
// writes is given whole, and its errors without secrets.
func TestAProgramIsRunWithArguments(t *testing.T) {
	t.Setenv("NOT_INHERITED", "x")
	t.Setenv("PATH", "/bin:/usr/bin")
	p, err := exec.NewProgram(exec.Settings{
		Command: []string{"/bin/sh"}, Inherit: []string{"PATH"}, Env: map[string]string{"TO": "{{.To}}"}, Secrets: map[string]secret.Secret{"PW": secret.New("hunter2-db")}, Grace: model.Duration(time.Second),
	}, actiontest.Env())
	if err != nil {
		t.Fatal(err)
	}
	const long = `head -c 200000 /dev/zero; `
	ran, err := p.Run(t.Context(), actiontest.Call(), 200_000, "-c", long+`printf "%s %s [%s]" "$TO" "$1" "$NOT_INHERITED$PW" >&2; exit 3`, "sh", "a b")
	if err != nil || ran.Code != 3 || len(ran.Stdout) != 200_000 || ran.Stderr != "v1.4.2 a b [<secret>]" {
		t.Errorf("exit status %d, %d bytes, %q, %v", ran.Code, len(ran.Stdout), ran.Stderr, err)
	}
	if _, err := p.Run(t.Context(), actiontest.Call(), 100_000, "-c", long); err == nil || !strings.Contains(err.Error(), "wrote more than 100000 bytes") {
		t.Errorf("error %v; the output is not whole", err)
	}
	p.Learn(secret.New("hunter2-token"))
	if _, err := p.Run(t.Context(), actiontest.Call(), 100, "-c", "true", "hunter2-token"); err == nil || !strings.Contains(err.Error(), "would hold a secret") {
		t.Errorf("error %v", err)
	}
}
