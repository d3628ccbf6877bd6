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

	"guardian/test/process"
	"guardian/test/program"
)

// Engine is a Docker Engine.
type Engine struct {
	// Host is where its API is reached, as DOCKER_HOST has it.
	Host string

	pid int // of the process whose network it is in; 0: the machine's
}

// startTimeout is how long an engine may take to answer. On an idle machine it is a second.
const startTimeout = 3 * time.Minute

// Start gives a Docker Engine: the one of DOCKER_HOST where that is set, and else one of its
// own, started for this test and removed at its end. Where none can be started the test is
// skipped, and fails with CI=true.
//
// The test's own engine has a network, mounts and processes of its own, so that it does not
// meet the machine's engine, and everything that it made ends with it: its bridge, its
// containers and their mounts. It ends with the test's process, also when that is killed.
func Start(tb testing.TB) Engine {
	tb.Helper()
	if h := os.Getenv("DOCKER_HOST"); h != "" {
		return Engine{Host: h}
	}
	for _, program := range []struct{ name, in string }{{"dockerd", "docker.io"}, {"ip", "iproute2"}, {"mount", "mount"}} {
		if _, err := exec.LookPath(program.name); err != nil {
			missing(tb, program.name+" is not installed (Debian: apt-get install "+program.in+"), and DOCKER_HOST is not set")
		}
	}
	// Not tb.TempDir: the path of a socket may have 107 bytes.
	dir, err := process.Folder("guardian-docker", remove)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := remove(dir); err != nil {
			tb.Errorf("remove what dockerd left: %v", err)
		}
	})
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	host := "unix://" + filepath.Join(dir, "sock")
	cmd := exec.Command("sh", "-c", script, "sh",
		"--data-root="+filepath.Join(dir, "data"), "--exec-root="+filepath.Join(dir, "exec"),
		"--pidfile="+filepath.Join(dir, "pid"), "--host="+host,
		"--storage-driver=vfs", // works on any file system
		// The bridge and the userland proxy work without them.
		"--iptables=false", "--ip6tables=false",
		// Control groups are not isolated. They get a name by which remove finds them.
		"--exec-opt=native.cgroupdriver=cgroupfs", "--cgroup-parent=/"+filepath.Base(dir),
	)
	cmd.Stdout, cmd.Stderr = log, log
	if err := isolate(cmd); err != nil {
		missing(tb, err.Error())
	}
	dockerd, err := process.Start(cmd)
	if errors.Is(err, os.ErrPermission) {
		missing(tb, fmt.Sprintf("dockerd gets no network, mounts and processes of its own, which takes root with CAP_SYS_ADMIN, and DOCKER_HOST is not set: %v", err))
	}
	if err != nil {
		tb.Fatalf("start dockerd: %v", err)
	}
	tb.Cleanup(dockerd.Kill)
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		res, err := request(tb.Context(), host, http.MethodGet, "/_ping", "", nil)
		if err == nil {
			_ = res.Body.Close()
			return Engine{Host: host, pid: dockerd.Pid()}
		}
		select {
		case <-dockerd.Done:
			missing(tb, fmt.Sprintf("dockerd does not start: exit status %d\n%s", dockerd.ExitCode(), tail(log.Name())))
		default:
		}
		if time.Now().After(deadline) {
			tb.Fatalf("dockerd does not answer within %s: %v\n%s", startTimeout, err, tail(log.Name()))
		}
	}
}

// script prepares the new namespaces (private mounts, a /proc of their own, the loopback
// interface) and becomes dockerd.
const script = `mount --make-rprivate / && mount -t proc proc /proc && ip link set lo up && exec dockerd "$@"`

func missing(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

// remove removes the folder of an engine that has ended, and its control groups.
func remove(dir string) error {
	var errs []error
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		groups, err := filepath.Glob(pattern + filepath.Base(dir))
		errs = append(errs, err)
		for _, g := range groups {
			errs = append(errs, removeGroup(g))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(dir))...)
}

// removeGroup removes a control group and its children. Their files belong to the kernel and go
// with them.
func removeGroup(path string) error {
	inner, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range inner {
		if e.IsDir() {
			if err := removeGroup(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	return syscall.Rmdir(path)
}

func tail(path string) string {
	b, _ := os.ReadFile(path)
	return string(b[max(0, len(b)-4096):])
}

// Client makes requests to the ports that containers publish, on the engine's 127.0.0.1.
func (e Engine) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: e.dial}, Timeout: time.Minute}
}

// Call sends one request of the Docker Engine API and returns the status. The path has a query
// but no version; in and out are JSON, or nil. The test fails when there is no answer.
func Call(tb testing.TB, host, method, path string, in, out any) (status int) {
	tb.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			tb.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	res, err := request(tb.Context(), host, method, path, "application/json", body)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	if res.StatusCode >= 400 {
		tb.Logf("%s %s: %d %s", method, path, res.StatusCode, b)
	} else if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			tb.Fatalf("%s %s: %v", method, path, err)
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

// Transport connects to the engine's API, whatever host a request names.
func Transport(host string) *http.Transport {
	network, address := "tcp", strings.TrimPrefix(host, "tcp://")
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		network, address = "unix", path
	}
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	}}
}

// Program compiles a Go program into a static binary and returns its path.
func Program(tb testing.TB, pkg string) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), filepath.Base(pkg))
	p, err := program.Build(path, pkg, []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags=-s -w")
	if err := errors.Join(err, p.Used()); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Build builds an image from a Dockerfile, which finds the program beside it under its file name.
func Build(tb testing.TB, host, ref, dockerfile, program string) {
	tb.Helper()
	bin, err := os.ReadFile(program)
	if err != nil {
		tb.Fatal(err)
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
		tb.Fatal(err)
	}
	res, err := request(tb.Context(), host, http.MethodPost, "/build?t="+url.QueryEscape(ref), "application/x-tar", &b)
	if err != nil {
		tb.Fatalf("build %s: %v", ref, err)
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || bytes.Contains(said, []byte(`"error"`)) {
		tb.Fatalf("build %s: %d %v\n%s", ref, res.StatusCode, err, said)
	}
}
