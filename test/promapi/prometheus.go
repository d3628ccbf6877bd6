package promapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds how long a Prometheus may take to be ready.
const startTimeout = 30 * time.Second

// Prometheus is a running server.
type Prometheus struct {
	URL string // http://127.0.0.1:port

	cmd  *exec.Cmd
	done chan struct{}
}

// program finds a program of Debian's package prometheus; without it the test is skipped, or
// fails where CI is "true".
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no %s: run test/setup", name)
		}
		t.Skipf("no %s (Debian: apt-get install prometheus)", name)
	}
	return path
}

// Start runs a Prometheus with this configuration until the test ends. It takes remote
// writes and keeps its samples in a folder of the test.
func Start(t testing.TB, config string) *Prometheus {
	t.Helper()
	bin := program(t, "prometheus")
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	p := &Prometheus{URL: "http://" + address, done: make(chan struct{})}
	p.cmd = exec.Command(bin, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--web.enable-remote-write-receiver")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
		_ = log.Close()
	}()
	t.Cleanup(p.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for !answers(ctx, p.URL+"/-/ready") {
		select {
		case <-p.done:
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("prometheus ended:\n%s", text)
		case <-ctx.Done():
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("prometheus is not ready after %s:\n%s", startTimeout, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return p
}

// Kill ends the server at once and waits until it is gone.
func (p *Prometheus) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req) //nolint:forbidigo // to a loopback address, in tests
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Promtool runs promtool and gives what it prints; an error fails the test.
func Promtool(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, "promtool"), args...).CombinedOutput()
	if err != nil {
		t.Fatal(fmt.Errorf("promtool %v: %w\n%s", args, err, out))
	}
	return string(out)
}
