package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/test/program"
)

// Start gives the address of a Docker Engine: the one of DOCKER_HOST where that is set, and
// else one of its own, started for this test and stopped and removed at its end. Where none
// can be started the test is skipped, and fails with CI=true.
func Start(t testing.TB) (host string) {
	t.Helper()
	if h := os.Getenv("DOCKER_HOST"); h != "" {
		return h
	}
	dockerd, err := exec.LookPath("dockerd")
	switch {
	case err != nil:
		missing(t, "dockerd is not installed (Debian: apt-get install docker.io), and DOCKER_HOST is not set")
	case os.Getuid() != 0:
		missing(t, "dockerd needs root, and DOCKER_HOST is not set")
	}
	lock(t)
	// Not t.TempDir: the path of a socket may have 107 bytes.
	dir, err := os.MkdirTemp("", "dockerd-")
	if err != nil {
		t.Fatal(err)
	}
	host = "unix://" + filepath.Join(dir, "sock")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dockerd,
		"--data-root="+filepath.Join(dir, "data"), "--exec-root="+filepath.Join(dir, "exec"),
		"--pidfile="+filepath.Join(dir, "pid"), "--host="+host,
		"--storage-driver=vfs", // works on any file system
		// The bridge and the userland proxy do without; and the machine's own rules stay.
		"--iptables=false", "--ip6tables=false",
		"--shutdown-timeout=3",
	)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start dockerd: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = log.Close()
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("remove what dockerd left: %v", err)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := request(t.Context(), host, http.MethodGet, "/_ping", "", nil)
		if err == nil {
			_ = res.Body.Close()
			return host
		}
		select {
		case err := <-ended:
			ended <- err
			missing(t, fmt.Sprintf("dockerd does not start: %v\n%s", err, tail(log.Name())))
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("dockerd does not answer: %v\n%s", err, tail(log.Name()))
		}
	}
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// lock lets one engine run at a time: two would fight for the bridge docker0.
func lock(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "dockerd-for-tests.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("wait for another test's dockerd: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
}

func tail(path string) string {
	b, _ := os.ReadFile(path)
	return string(b[max(0, len(b)-4096):])
}

// Call sends one request of the Docker Engine API, path with its query but without a
// version, and gives the status; in and out are JSON, or nil. No answer fails the test.
func Call(t testing.TB, host, method, path string, in, out any) (status int) {
	t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	res, err := request(t.Context(), host, method, path, "application/json", body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if res.StatusCode >= 400 {
		t.Logf("%s %s: %d %s", method, path, res.StatusCode, b)
	} else if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return res.StatusCode
}

func request(ctx context.Context, host, method, path, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	return (&http.Client{Transport: Transport(host)}).Do(req)
}

// Transport reaches the engine, whatever host the request's address names.
func Transport(host string) *http.Transport {
	network, address := "tcp", strings.TrimPrefix(host, "tcp://")
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		network, address = "unix", path
	}
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	}}
}

// Program compiles a Go program into a static binary and gives its path.
func Program(t testing.TB, pkg string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), filepath.Base(pkg))
	p, err := program.Build(path, pkg, []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags=-s -w")
	if err := errors.Join(err, p.Used()); err != nil {
		t.Fatal(err)
	}
	return path
}

// Build builds an image of a Dockerfile, in which the program is called as its file is.
func Build(t testing.TB, host, ref, dockerfile, program string) {
	t.Helper()
	bin, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		body []byte
	}{{"Dockerfile", []byte(dockerfile)}, {filepath.Base(program), bin}} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.body))}))
		_, e := w.Write(f.body)
		err = errors.Join(err, e)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	res, err := request(t.Context(), host, http.MethodPost, "/build?t="+url.QueryEscape(ref), "application/x-tar", &b)
	if err != nil {
		t.Fatalf("build %s: %v", ref, err)
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || bytes.Contains(said, []byte(`"error"`)) {
		t.Fatalf("build %s: %d %v\n%s", ref, res.StatusCode, err, said)
	}
}
