package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/test/fake/chat/slack"
	"guardian/test/port"
	"guardian/test/process"
	"guardian/test/rig"
)

// newcomer is somebody who has a service, a script that deploys it, a Slack, and the README.
type newcomer struct {
	t       *testing.T
	dir     string
	service *httptest.Server
	slack   *slack.Server
	env     []string
	where   *strings.Replacer // the README's addresses are theirs
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	n := &newcomer{t: t, dir: t.TempDir(), slack: slack.New(slack.WithoutLimit())}
	t.Cleanup(n.slack.Close)
	n.write("deploy.sh", "#!/bin/sh\nprintf %s \"$1\" > version.new && mv version.new version && echo \"$1\" >> deployed\n")
	n.write("version", "v1")
	n.service = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if runs, err := os.ReadFile(filepath.Join(n.dir, "version")); err != nil || string(runs) == "v2" {
			http.Error(w, "it lost its database", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(n.service.Close)
	free, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	n.write("bin/guardian", "#!/bin/sh\nexec "+binary.Path+" \"$@\"\n")
	own := fmt.Sprintf("127.0.0.1:%d", free)
	n.env = append(os.Environ(), "PATH="+filepath.Join(n.dir, "bin")+":"+os.Getenv("PATH"), "GUARDIAN_URL=http://"+own, "GORACE=atexit_sleep_ms=50")
	n.where = strings.NewReplacer(
		"go install ./cmd/guardian", "", // it is built
		"http://127.0.0.1:8080/healthz", n.service.URL+"/healthz",
		"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX", n.slack.URL(),
		// Its port is taken by others, and a newcomer has more time than a test.
		"guardian serve", "sed -i 's/every: 15s/every: 1s/; s/^server:/server:\\n  listen: "+own+"/' guardian.yaml; guardian serve",
	)
	return n
}

func (n *newcomer) write(name, text string) {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as a user's folder
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil { //nolint:gosec // some are scripts
		n.t.Fatal(err)
	}
}

// start types commands of the README into a shell.
func (n *newcomer) start(commands string) (*process.Process, *rig.LogBuffer) {
	n.t.Helper()
	said := &rig.LogBuffer{}
	cmd := exec.Command("bash", "-c", n.where.Replace(commands))
	cmd.WaitDelay = time.Second // for what holds its output
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = n.dir, n.env, said, said
	p, err := process.Start(cmd)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { // the shell ends what it has started
		_ = p.Signal(syscall.SIGTERM)
		<-p.Done
	})
	return p, said
}

// heard counts the messages in Slack that say something.
func (n *newcomer) heard(what string) (count int) {
	for _, m := range n.slack.Shown() {
		if strings.Contains(fmt.Sprintf("%+v", m), what) {
			count++
		}
	}
	return count
}

// blocks gives the commands of a section of the README.
func blocks(t *testing.T, section string) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+section+"\n")
	within, _, _ := strings.Cut(after, "\n## ")
	var all []string
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(within, -1) {
		all = append(all, m[1])
	}
	if !found || len(all) == 0 {
		t.Fatalf("the README has no commands under %q", section)
	}
	return all
}

// TestTheReadmeHolds: who types what it says gets an alert, a question, a rollback and a cure.
func TestTheReadmeHolds(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	commands := blocks(t, "Your own service in five minutes")
	if len(commands) != 3 {
		t.Fatalf("%d blocks of commands", len(commands))
	}
	server, said := n.start(commands[0] + "trap 'kill $!' TERM; wait\n")
	defer func() {
		if t.Failed() {
			t.Logf("the guardian said:\n%s", said)
		}
	}()
	eventually(t, "the guardian looks", func() bool {
		select {
		case <-server.Done:
			t.Fatalf("it ended:\n%s", said)
		default:
		}
		resp, err := http.Get(n.url("/-/ready"))
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	time.Sleep(20 * time.Second) // what the deploy is compared with

	bad, verdict := n.start(commands[1])
	<-bad.Done
	id := regexp.MustCompile(`r_[0-9A-Z]{26}`).FindString(verdict.String())
	if id == "" || !strings.Contains(verdict.String(), "failed") {
		t.Fatalf("the deploy of v2:\n%s", verdict)
	}
	eventually(t, "the question in Slack", func() bool { return n.heard("roll back to v1?") > 0 })
	eventually(t, "the alert in Slack", func() bool { return n.heard("order-sync-answers fails") > 0 })

	approved, answer := n.start(strings.ReplaceAll(commands[2], "ID", id))
	<-approved.Done
	if !strings.Contains(answer.String(), "approved") {
		t.Errorf("the approval:\n%s", answer)
	}
	eventually(t, "the cure in Slack", func() bool { return n.heard("Cured") > 0 })
	eventually(t, "the end of the alert in Slack", func() bool { return n.heard("Resolved") > 0 })
	if done, err := os.ReadFile(filepath.Join(n.dir, "deployed")); err != nil || string(done) != "v2\nv1\n" {
		t.Errorf("deployed: %q, %v", done, err)
	}
}

func (n *newcomer) url(path string) string {
	for _, e := range n.env {
		if url, ok := strings.CutPrefix(e, "GUARDIAN_URL="); ok {
			return url + path
		}
	}
	return path
}
