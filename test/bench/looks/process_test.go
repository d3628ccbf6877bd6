package looks_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hertz is the unit of processor times in /proc: USER_HZ, which Linux shows as 100 everywhere.
const hertz = 100

// process is a program that is measured.
type process struct {
	cmd  *exec.Cmd
	log  bytes.Buffer // to be read once it has ended
	done chan struct{}
}

// start runs a program until stop or the benchmark's end.
func start(b *testing.B, binary string, args ...string) *process {
	b.Helper()
	p := &process{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	b.Cleanup(p.stop)
	return p
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// processor returns the processor time that it has used.
func (p *process) processor(b *testing.B) time.Duration {
	b.Helper()
	text := p.read(b, "stat")
	// The second field is the program's name in brackets, which may hold anything.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * time.Second / hertz
}

// resident returns its resident memory in bytes.
func (p *process) resident(b *testing.B) int64 {
	b.Helper()
	var size, pages int64
	if _, err := fmt.Sscan(p.read(b, "statm"), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func (p *process) read(b *testing.B, name string) string {
	b.Helper()
	select {
	case <-p.done:
		b.Fatalf("%s ended:\n%s", filepath.Base(p.cmd.Path), p.log.String())
	default:
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name))
	if err != nil {
		b.Skipf("no /proc as Linux has it: %v", err)
	}
	return string(text)
}

// usage is what processes used together while they were measured.
type usage struct {
	processor time.Duration
	memory    int64 // the most, in bytes
}

// watch measures processes for a while.
func watch(b *testing.B, length time.Duration, all ...*process) usage {
	b.Helper()
	var u usage
	for _, p := range all {
		u.processor -= p.processor(b)
	}
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		now := int64(0)
		for _, p := range all {
			now += p.resident(b)
		}
		u.memory = max(u.memory, now)
	}
	for _, p := range all {
		u.processor += p.processor(b)
	}
	return u
}
