package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestACopyOfTheJournalIsNotEnoughToAct reads everything that a backup holds, after everything that is secret was
// used: a token, a session, the links of a message, the addresses of messengers.
func TestACopyOfTheJournalIsNotEnoughToAct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	configured := "configured-token-0123456789"
	config := strings.Replace(w.config(configOptions{}), "server: {listen: LISTEN}", "server: {listen: LISTEN, external_url: \"http://LISTEN\"}\ntokens: [{name: ci, role: deployer, token: "+configured+"}]", 1)
	g := newGuardian(t, config, map[string]string{"rules.yaml": apiDown})
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), binary.Path, append(args, "--config", g.File)...).Output()
		if err != nil {
			t.Fatalf("guardian %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	token, another := run("token", "create", "--name", "lin", "--role", "admin"), run("token", "create", "--name", "wei", "--role", "admin")
	// 26 letters and digits of 32 are 130 bits: nobody guesses what has this hash.
	if random := regexp.MustCompile(`^gdn_[A-Z2-7]{26}$`); !random.MatchString(token) || !random.MatchString(another) || token == another {
		t.Errorf("tokens are %q and %q", token, another)
	}
	g.Launch()
	as := func(header, value, method, path, form string) (int, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(header, value)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
		if err != nil {
			return 0, nil
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	eventually(t, "the guardian answers", func() bool {
		status, _ := as("Authorization", "Bearer "+token, "GET", "/api/v1/services", "")
		return status == http.StatusOK
	})
	_, header := as("X-Nothing", "", "POST", "/login", "token="+token)
	session, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	if status, _ := as("Cookie", session, "GET", "/api/v1/services", ""); status != http.StatusOK {
		t.Fatalf("the session %q reads: %d", session, status)
	}
	w.set(func(w *world) { w.bad = true })
	link := regexp.MustCompile(`/act/[a-z]+\?t=([^"&<>|\\ ]+)`)
	var links []string
	eventually(t, "a message with links", func() bool {
		for _, m := range w.slack.Messages() {
			for _, found := range link.FindAllStringSubmatch(m.Body, -1) {
				links = append(links, found[1])
			}
		}
		return len(links) > 0
	})
	time.Sleep(2 * time.Second) // the answer is recorded

	copied := filepath.Join(t.TempDir(), "journal-copy.db")
	run("backup", copied)
	info, err := os.Stat(copied)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %o", info.Mode().Perm())
	}
	for _, own := range []string{"journal.db", "links.key"} {
		if info, err := os.Stat(filepath.Join(g.Dir, "data", own)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", own, info, err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), binary.Path, "backup", copied, "--config", g.File).CombinedOutput(); err == nil || !strings.Contains(string(out), "there already") {
		t.Errorf("a copy over a file: %v %s", err, out)
	}
	b, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(g.Dir, "data", "links.key"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	sum := sha256.Sum256([]byte(token))
	hash := hex.EncodeToString(sum[:])
	if !strings.Contains(text, "order-sync") || !strings.Contains(text, hash) {
		t.Error("the copy lacks what a journal holds: this proves nothing")
	}
	secrets := map[string]string{
		"the token": token, "the other token": another, "the configured token": configured, "the session": strings.TrimPrefix(session, "guardian_session="),
		"the session's signature": session[strings.LastIndexByte(session, '.')+1:], "the key of links": strings.TrimSpace(string(key)),
		"Slack's address": w.slackPath, "DingTalk's secret": "SECe2e",
	}
	for _, l := range links {
		secrets["a link"] = l
		if plain, err := url.QueryUnescape(l); err == nil {
			secrets["a link's text"] = plain
		}
	}
	for what, secret := range secrets {
		if len(secret) < 6 || strings.Contains(text, secret) {
			t.Errorf("the copy holds %s", what)
		}
	}
	// What it holds is refused, however it is sent.
	until := regexp.MustCompile(`\.(\d+)\.`).FindStringSubmatch(session)
	for how, h := range map[string][2]string{
		"the hash as a token":           {"Authorization", "Bearer " + hash},
		"a session with another key":    {"Cookie", "guardian_session=" + hash + "." + until[1] + ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"a session without a signature": {"Cookie", "guardian_session=" + hash + "." + until[1]},
	} {
		if status, _ := as(h[0], h[1], "GET", "/api/v1/services", ""); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", how, status)
		}
	}
}
