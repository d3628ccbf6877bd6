package promapi

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"guardian/test/port"
	"guardian/test/process"
)

// startTimeout bounds how long a Prometheus may take to be ready.
const startTimeout = 3 * time.Minute

// Prometheus is a running server.
type Prometheus struct {
	URL string // http://127.0.0.1:port

	process *process.Process
}

// program finds a program of Debian's package prometheus. Where it is missing the test is
// skipped, or fails with CI=true.
func program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("no %s: run test/setup", name)
		}
		tb.Skipf("no %s (Debian: apt-get install prometheus)", name)
	}
	return path
}

// Start runs a Prometheus with this configuration until the test ends. It accepts remote write
// and stores its samples in a folder of the test. flags are added to its command line.
func Start(tb testing.TB, config string, flags ...string) *Prometheus {
	tb.Helper()
	bin := program(tb, "prometheus")
	dir := tb.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		tb.Fatal(err)
	}
	address := freeAddress(tb)
	defer log.Close()
	p := &Prometheus{URL: "http://" + address}
	cmd := exec.Command(bin, append([]string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + address, "--web.enable-remote-write-receiver"}, flags...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if p.process, err = process.Start(cmd); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Kill)
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	for !answers(ctx, p.URL+"/-/ready") {
		select {
		case <-p.process.Done:
			text, _ := os.ReadFile(log.Name())
			tb.Fatalf("prometheus ended:\n%s", text)
		case <-ctx.Done():
			text, _ := os.ReadFile(log.Name())
			tb.Fatalf("prometheus is not ready after %s:\n%s", startTimeout, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return p
}

// CPU is the processor time that the server has used.
func (p *Prometheus) CPU() (time.Duration, error) { return p.process.CPU() }

// Kill ends the server at once and waits until it is gone.
func (p *Prometheus) Kill() { p.process.Kill() }

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	n, err := port.Free()
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", n)
}

// Promtool runs promtool and returns its output; an error fails the test.
func Promtool(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), program(tb, "promtool"), args...).CombinedOutput()
	if err != nil {
		tb.Fatal(fmt.Errorf("promtool %v: %w\n%s", args, err, out))
	}
	return string(out)
}
