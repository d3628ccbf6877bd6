package process

import (
	"os/exec"
	"syscall"
)

// killWithUs lets the kernel kill a command's process with the thread that starts it.
func killWithUs(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
