package beside

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"guardian/test/port"
	"guardian/test/process"
	"guardian/test/program"
	"guardian/test/rig"
)

// Alertmanager is a server of Debian's package prometheus-alertmanager with a folder for its data.
type Alertmanager struct {
	URL string // http://127.0.0.1:port

	tb      testing.TB
	binary  string
	dir     string
	address string
	process *process.Process
}

// New prepares an Alertmanager with this configuration, which ends with the test. Where the program
// is missing the test is skipped, or fails with CI=true.
func New(tb testing.TB, config string) *Alertmanager {
	tb.Helper()
	binary := program.Installed(tb, "prometheus-alertmanager", "prometheus-alertmanager")
	n, err := port.Free()
	if err != nil {
		tb.Fatal(err)
	}
	a := &Alertmanager{tb: tb, binary: binary, dir: tb.TempDir(), address: fmt.Sprintf("127.0.0.1:%d", n)}
	a.URL = "http://" + a.address
	a.Write(config)
	tb.Cleanup(func() {
		a.Kill()
		if tb.Failed() {
			tb.Logf("log of the Alertmanager:\n%s", a.log())
		}
	})
	return a
}

// Write writes its configuration.
func (a *Alertmanager) Write(config string) {
	a.tb.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, "alertmanager.yml"), []byte(config), 0o600); err != nil {
		a.tb.Fatal(err)
	}
}

// Start runs it, with the data of the process before, and waits until it is ready.
func (a *Alertmanager) Start() {
	a.tb.Helper()
	log, err := os.OpenFile(filepath.Join(a.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		a.tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(a.binary, "--config.file="+filepath.Join(a.dir, "alertmanager.yml"), "--storage.path="+filepath.Join(a.dir, "data"),
		"--web.listen-address="+a.address, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = log, log
	if a.process, err = process.Start(cmd); err != nil {
		a.tb.Fatal(err)
	}
	rig.Eventually(a.tb, "the Alertmanager is ready", func() bool {
		select {
		case <-a.process.Done:
			a.tb.Fatalf("the Alertmanager ended:\n%s", a.log())
		default:
		}
		resp, err := http.Get(a.URL + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Stop ends it as an administrator does: it saves what it knows.
func (a *Alertmanager) Stop() {
	a.tb.Helper()
	if err := a.process.Signal(syscall.SIGTERM); err != nil {
		a.tb.Fatal(err)
	}
	<-a.process.Done
	a.process = nil
}

// Kill ends it at once.
func (a *Alertmanager) Kill() {
	if a.process == nil {
		return
	}
	a.process.Kill()
	a.process = nil
}

func (a *Alertmanager) log() string {
	text, _ := os.ReadFile(filepath.Join(a.dir, "log"))
	return string(text)
}
