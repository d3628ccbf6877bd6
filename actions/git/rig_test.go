package git_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/git"
	"guardian/actions/sshconn"
	"guardian/internal/secret"
	"guardian/test/sshd"
)

// repository is a bare repository of configurations on a server, and a clone in which people work.
type repository struct {
	server *sshd.Server
	bare   string
	clone  string
}

// newRepository makes one in which v1.4.2 of a service is good and v2, which is the last commit, bad.
func newRepository(t *testing.T, server *sshd.Server) *repository {
	t.Helper()
	r := &repository{server: server}
	r.bare, r.clone = paths(server.Folder(t))
	first.Do(func() { r.begin(t) })
	if out, err := server.Command("cp", "-a", template+"/.", filepath.Dir(r.bare)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.git(t, r.clone, "remote", "set-url", "origin", r.bare)
	return r
}

func paths(dir string) (bare, clone string) {
	return filepath.Join(dir, "con fig.git"), filepath.Join(dir, "clone")
}

var (
	first    sync.Once
	template string // the folder that is copied for each test
)

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(template)
	os.Exit(code)
}

// begin makes the repository that is copied.
func (r *repository) begin(t *testing.T) {
	t.Helper()
	out, err := r.server.Command("mktemp", "-d").Output()
	if err != nil {
		t.Fatal(err)
	}
	template = strings.TrimSpace(string(out))
	o := &repository{server: r.server}
	o.bare, o.clone = paths(template)
	o.git(t, "", "init", "-q", "--bare", "-b", "main", o.bare)
	o.git(t, "", "clone", "-q", o.bare, o.clone)
	o.commit(t, "Begin", map[string]string{"README": "Configuration.\n", "apps/order-sync/app.yaml": app("v1.4.1"), "apps/price-sync/app.yaml": app("v7")})
	o.commit(t, "order-sync: v1.4.2", map[string]string{"apps/order-sync/app.yaml": app("v1.4.2"), "apps/order-sync/old.txt": "old\n"})
	o.git(t, o.clone, "tag", "v1.4.2")
	o.git(t, o.clone, "tag", "-a", "-m", "annotated", "stable-v1.4.2")
	o.commit(t, "price-sync: v8", map[string]string{"apps/price-sync/app.yaml": app("v8")})
	o.git(t, o.clone, "rm", "-q", "apps/order-sync/old.txt")
	o.commit(t, "order-sync: v2", map[string]string{"apps/order-sync/app.yaml": app("v2"), "apps/order-sync/deep/er/new.txt": "new\n"})
	o.git(t, o.clone, "tag", "v2")
	o.git(t, o.clone, "push", "-q", "origin", "main", "--tags")
}

func app(version string) string { return "image:\n  newTag: " + version + " # by CI\n" }

// git runs git as the account of the server, and gives what it says.
func (r *repository) git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := r.server.Command("git", append([]string{"-c", "user.name=Li", "-c", "user.email=li@example.com", "-c", "init.defaultBranch=main"}, args...)...)
	if dir != "" {
		cmd.Dir = dir
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files and commits everything.
func (r *repository) commit(t *testing.T, message string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(r.clone, name)
		if out, err := r.server.Command("mkdir", "-p", filepath.Dir(path)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		cmd := r.server.Command("tee", path)
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	r.git(t, r.clone, "add", "-A")
	r.git(t, r.clone, "commit", "-q", "-m", message)
}

// somebody pushes a commit with other files.
func (r *repository) somebody(t *testing.T, files map[string]string) {
	t.Helper()
	r.git(t, r.clone, "pull", "-q", "--rebase", "origin", "main")
	r.commit(t, "Somebody else's work", files)
	r.git(t, r.clone, "push", "-q", "origin", "main")
}

// hook makes the server run a script before it takes a push.
func (r *repository) hook(t *testing.T, name, script string) {
	t.Helper()
	path := filepath.Join(r.bare, "hooks", name)
	if err := os.WriteFile(path+".new", []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// file gives what a file holds on the branch.
func (r *repository) file(t *testing.T, name string) string {
	t.Helper()
	return r.git(t, r.bare, "show", "main:"+name)
}

// commits counts those with the trailer of the intent.
func (r *repository) commits(t *testing.T) int {
	t.Helper()
	return strings.Count(r.git(t, r.bare, "log", "--format=%B", "main"), "Guardian-Intent: r_1-1")
}

func (r *repository) head(t *testing.T) string {
	t.Helper()
	return r.git(t, r.bare, "rev-parse", "main")
}

// settings are those of a step that puts the service's folder back, over ssh.
func (r *repository) settings() *git.Settings {
	s := git.Kind().Settings().(*git.Settings)
	s.URL = fmt.Sprintf("ssh://%s@%s:%d%s", r.server.User, r.server.Host, r.server.Port, strings.ReplaceAll(r.bare, " ", "%20"))
	s.Path, s.Revision, s.Settle = "apps/{{.Service}}", "{{.To}}", 0
	s.SSH = &sshconn.Login{KnownHosts: r.server.KnownHosts, KeyFile: r.server.KeyFile}
	return s
}

func build(t *testing.T, s *git.Settings) actions.Step {
	t.Helper()
	return actiontest.Build(t, git.Kind(), s, actiontest.Env())
}

// forge serves repositories over https by git's own http-backend, to those who have the token.
type forge struct {
	*httptest.Server
	ca string

	mu       sync.Mutex
	broken   bool
	redirect bool
	lose     string // the service whose answer is lost
	after    bool   // it is lost after it was done

	hold          string // the service that waits
	reached, goOn chan struct{}
}

const token = "hunter2-token"

func newForge(t *testing.T, root string) *forge {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Root: "/", Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=guardian", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		redirect := f.redirect
		broken, lose, after := f.broken, f.lose != "" && strings.HasSuffix(r.URL.Path, f.lose), f.after
		hold := f.hold != "" && strings.HasSuffix(r.URL.Path, f.hold)
		f.mu.Unlock()
		if hold {
			close(f.reached)
			<-f.goOn
		}
		if _, password, _ := r.BasicAuth(); password != token || broken {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "not allowed with %v and %s", r.Header, password)
			return
		}
		if redirect && !strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, "/moved"+r.URL.RequestURI(), http.StatusMovedPermanently)
			return
		}
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/moved")
		if lose && !after {
			panic(http.ErrAbortHandler)
		}
		if lose {
			backend.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	f.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(f.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// set changes how the forge answers from now on.
func (f *forge) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// over makes the settings reach the repository through the forge.
func (r *repository) over(f *forge) *git.Settings {
	s := r.settings()
	s.URL, s.SSH = f.URL+"/"+strings.ReplaceAll(filepath.Base(r.bare), " ", "%20"), nil
	s.Token, s.CAFile = secret.New(token), f.ca
	return s
}
