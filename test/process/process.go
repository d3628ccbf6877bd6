package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Process is a program that runs.
type Process struct {
	// Done is closed when the program has ended.
	Done <-chan struct{}

	cmd *exec.Cmd
}

// Start starts a command whose process the kernel kills when this process ends, also when it
// is killed itself or runs into the timeout of go test. On systems other than Linux nobody
// does that.
func Start(cmd *exec.Cmd) (*Process, error) {
	killWithUs(cmd)
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel kills the process when the thread that has started it ends. This one
		// waits for it, and nobody else uses it.
		runtime.LockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return &Process{Done: done, cmd: cmd}, nil
}

// Pid is the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends the process a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process at once, and waits until it has.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.Done
}

// ExitCode is the exit code of a process that has ended; -1 when a signal ended it.
func (p *Process) ExitCode() int {
	<-p.Done
	return p.cmd.ProcessState.ExitCode()
}

// Folder makes a temporary folder for this process, which removes it. Folders of the same name
// whose process is gone without having done that are removed first, by remove.
func Folder(name string, remove func(path string) error) (string, error) {
	all, err := filepath.Glob(filepath.Join(os.TempDir(), name+"-*-*"))
	if err != nil {
		return "", err
	}
	for _, path := range all {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), name+"-"), "-")
		if n, err := strconv.Atoi(pid); err != nil || runs(n) {
			continue
		}
		if err := remove(path); err != nil {
			return "", fmt.Errorf("remove %s, which a killed test left: %w", path, err)
		}
	}
	return os.MkdirTemp("", fmt.Sprintf("%s-%d-", name, os.Getpid()))
}

// runs tells whether there is a process of this number.
func runs(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
