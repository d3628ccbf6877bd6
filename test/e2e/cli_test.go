package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell runs a command of the binary against a guardian and returns its output, its error output
// and its exit code.
func shell(t *testing.T, g *guardian, args ...string) (out, said string, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary.Path, args...)
	c.Env = append(os.Environ(), "GUARDIAN_URL="+g.URL)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

// Deploy pipelines and on-call engineers use a guardian from a shell.
func TestTheCommandLineDrivesAGuardian(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{mode: "approve"}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	expect := func(code int, says string, args ...string) string {
		t.Helper()
		out, said, got := shell(t, g, args...)
		if got != code || !strings.Contains(out+said, says) {
			t.Errorf("guardian %s exits %d, want %d, and says %q:\n%s%s", strings.Join(args, " "), got, code, says, out, said)
		}
		return out
	}
	expect(0, "open", "gate", "--service", "order-sync")
	// A name that there is not is refused with the one that was probably meant: an empty answer would look
	// like one to that.
	for _, args := range [][]string{
		{"gate"},
		{"score"},
		{"report"},
		{"report", "--format", "html"},
		{"watch", "--version", "v1"},
		{"watch", "suggest", "--config", g.File},
		{"rollback", "--reason", "x"},
		{"rollback", "--dry-run"},
		{"freeze", "start", "--for", "1h", "--reason", "x"},
		{"maintenance", "start", "--for", "1h", "--reason", "x"},
	} {
		expect(2, `did you mean "order-sync"?`, append(args, "--service", "order-snyc")...)
	}
	expect(2, `did you mean "oncall"?`, "notify", "--receiver", "oncal", "--config", g.File)
	expect(1, `did you mean "oncall"?`, "test", "routes", "--expect", "oncal", "--config", g.File, "tier=critical")
	expect(2, `did you mean "service"?`, "probe", "servce", "--config", g.File)
	expect(2, "--service is blank", "score", "--service", "")
	expect(2, "--service is blank", "report", "--service", "")
	expect(0, "until", "silence", "--for", "1d", "--comment", "move", `shop="sg-1"`)
	expect(2, "1x", "silence", "--for", "1x", "--comment", "move", `shop="sg-1"`)

	// The service turns bad after the deploy was announced: a failure from before is not blamed on it.
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		for t.Context().Err() == nil {
			var all struct{ Watches []struct{ ID string } }
			if g.Try(http.MethodGet, "/api/v1/watches", nil, &all) == nil && len(all.Watches) > 0 {
				w.set(func(w *world) { w.bad = true })
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	expect(1, "awaiting_approval", "watch", "--service", "order-sync", "--version", "v2", "--previous", "v1", "--wait", "--wait-timeout", "3m")
	<-announced
	var runs struct {
		Rollbacks []struct{ ID string }
	}
	g.Call("GET", "/api/v1/rollbacks", nil, &runs)
	if len(runs.Rollbacks) != 1 {
		t.Fatalf("%d runs, want 1", len(runs.Rollbacks))
	}
	id := runs.Rollbacks[0].ID
	expect(0, "awaiting_approval", "rollback", "show", id)
	// The command succeeds when its answer is accepted, also when that ends the run.
	expect(0, "rejected", "rollback", "reject", id, "--note", "the fix is on its way")
	expect(2, "no rollback", "rollback", "approve", "r_nothing")

	w.set(func(w *world) { w.bad = false })
	expect(2, "no verdict within --wait-timeout 1s", "watch", "--service", "order-sync", "--version", "v3", "--wait", "--wait-timeout", "1s")

	var report struct {
		Services []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(expect(0, "order-sync", "report", "--format", "json")), &report); err != nil {
		t.Errorf("the report is no JSON: %s", err)
	}
	expect(0, "month,service,", "report", "--format", "csv")
	page := expect(0, "<!doctype html>", "report", "--format", "html", "--period", "2026", "--customer", "宁波 <b>ACME</b>", "--language", "zh")
	if !strings.Contains(page, "宁波 &lt;b&gt;ACME&lt;/b&gt;") || !strings.Contains(page, "2026-01-01 至 2026-12-31") || strings.Contains(page, "/assets/") || strings.Contains(page, "<script") {
		t.Errorf("the report to be sent on is\n%s", page)
	}
	pdf := filepath.Join(t.TempDir(), "report.pdf")
	expect(0, "", "report", "--format", "pdf", "--file", pdf)
	if made, err := os.ReadFile(pdf); err != nil || !bytes.HasPrefix(made, []byte("%PDF-")) || bytes.Count(made, []byte("/Type /Page\n")) < 2 {
		t.Errorf("%d bytes, %v, want a PDF with a title page and the report", len(made), err)
	}
	expect(2, "give --output FILE", "report", "--format", "pdf")
	expect(2, "its end is before its begin", "report", "--period", "2026-11-09..2026-11-03")
	expect(2, "are for --format html and pdf", "report", "--customer", "ACME")
	expect(0, `"notice":"n_`, "notify", "--receiver", "oncall", "--config", g.File, "--output", "json")
}

// With the brake on, an automatic rollback waits for a person: the message about the verdict must
// ask them, and not say that the rollback is under way.
func TestWithTheBrakeOnPeopleAreAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{extra: "brake: {max_failing_services: 1, within: 10m}\n"}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	v := w.failedDeploy(g, "v2")
	if v.Rollback.State != "awaiting_approval" {
		t.Fatalf("rollback is %+v, want one that awaits approval", v.Rollback)
	}
	eventually(t, "the question", func() bool { return w.heard("roll back to v1?") == 1 })
	if w.heard("rolling back to") != 0 {
		t.Error("people were told that the version is being put back, and nobody was asked")
	}
}

// The demo exits with 0 only when everything that it shows has happened.
func TestTheDemoShowsItsStory(t *testing.T) {
	t.Parallel()
	out, said, code := shell(t, &guardian{}, "demo", "--once", "--output", "json")
	if code != 0 {
		t.Fatalf("it exits %d: %s\n%s", code, said, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var sum struct {
		Verdict      string
		Rollback     string
		ToVerdict    float64 `json:"fault_to_verdict_seconds"`
		ToStep       float64 `json:"verdict_to_first_step_seconds"`
		Messages     map[string]int
		Availability float64 `json:"sla_availability"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil {
		t.Fatalf("the last line: %v: %s", err, lines[len(lines)-1])
	}
	if sum.Verdict != "failed" || sum.Rollback != "cured" || sum.ToVerdict <= 0 || sum.ToStep <= 0 ||
		sum.Messages["slack"] == 0 || sum.Messages["dingtalk"] == 0 || sum.Availability <= 0 || sum.Availability >= 1 {
		t.Errorf("the last line is %s", lines[len(lines)-1])
	}
	// Messages are printed as Slack and DingTalk show them, not as they are sent.
	for _, line := range lines {
		var shown map[string]any
		if err := json.Unmarshal([]byte(line), &shown); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if message, ok := shown["message"].(map[string]any); ok {
			delete(message, "payload") // it is as it was sent
		}
		text := fmt.Sprint(shown)
		for _, raw := range []string{"&gt;", "#### ", "**"} {
			if strings.Contains(text, raw) {
				t.Errorf("a message is shown with %q in it: %s", raw, text)
			}
		}
	}
}
