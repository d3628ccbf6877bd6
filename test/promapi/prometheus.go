package promapi

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"guardian/test/port"
	"guardian/test/process"
	"guardian/test/program"
)

// startTimeout bounds how long a Prometheus may take to be ready.
const startTimeout = 3 * time.Minute

// Prometheus is a running server.
type Prometheus struct {
	URL string // http://127.0.0.1:port

	tb      testing.TB
	dir     string
	binary  string
	args    []string
	log     string // its file
	process *process.Process
}

// Start runs a Prometheus with this configuration, and more flags, until the test ends. It accepts
// remote write and stores its samples in a folder of the test.
func Start(tb testing.TB, config string, flags ...string) *Prometheus {
	tb.Helper()
	bin := program.Installed(tb, "prometheus", "prometheus")
	dir := tb.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	address := freeAddress(tb)
	p := &Prometheus{URL: "http://" + address, tb: tb, dir: dir, binary: bin, log: filepath.Join(dir, "log"), args: append([]string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address, "--web.enable-remote-write-receiver",
	}, flags...)}
	tb.Cleanup(p.Kill)
	p.start()
	return p
}

func (p *Prometheus) start() {
	p.tb.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(p.binary, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	if p.process, err = process.Start(cmd); err != nil {
		p.tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.tb.Context(), startTimeout)
	defer cancel()
	for !answers(ctx, p.URL+"/-/ready") {
		select {
		case <-p.process.Done:
			text, _ := os.ReadFile(p.log)
			p.tb.Fatalf("prometheus ended:\n%s", text)
		case <-ctx.Done():
			text, _ := os.ReadFile(p.log)
			p.tb.Fatalf("prometheus is not ready after %s:\n%s", startTimeout, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Restart ends the server as an administrator does, and starts it again with its data after a
// while.
func (p *Prometheus) Restart(down time.Duration) {
	p.tb.Helper()
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		p.tb.Fatal(err)
	}
	<-p.process.Done
	time.Sleep(down)
	p.start()
}

// Write writes a file beside its configuration.
func (p *Prometheus) Write(name, content string) {
	p.tb.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
		p.tb.Fatal(err)
	}
}

// CPU is the processor time that the server has used.
func (p *Prometheus) CPU() (time.Duration, error) { return p.process.CPU() }

// Kill ends the server at once and waits until it is gone.
func (p *Prometheus) Kill() {
	if p.process != nil {
		p.process.Kill()
	}
}

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
	out, err := exec.CommandContext(tb.Context(), program.Installed(tb, "promtool", "prometheus"), args...).CombinedOutput()
	if err != nil {
		tb.Fatal(fmt.Errorf("promtool %v: %w\n%s", args, err, out))
	}
	return string(out)
}
