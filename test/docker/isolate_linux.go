package docker

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolate makes a command run in network, mount and process namespaces of its own. They have no
// name, so the kernel removes them when the command's process ends.
func isolate(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID}
	return nil
}

// dial connects to an address in the engine's network namespace.
func (e Engine) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if e.pid == 0 {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread changes its network namespace. It is never unlocked, so that it ends with
		// this goroutine and nobody else runs on it.
		runtime.LockOSThread()
		var there *os.File
		if there, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", e.pid)); err != nil {
			return
		}
		defer there.Close()
		if err = unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("enter the engine's network: %w", err)
			return
		}
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
	}()
	<-done
	return conn, err
}
