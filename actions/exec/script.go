package exec

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"guardian/internal/reason"
)

// startFault says why a command could not be started.
func startFault(cmd *exec.Cmd, err error) reason.Reason {
	name := filepath.Base(cmd.Args[0])
	if why := Unfit(cmd.Dir, cmd.Args); !why.IsZero() {
		return why
	}
	if errors.Is(err, syscall.ENOEXEC) {
		return reason.New("exec_no_interpreter_line", "command", name)
	}
	return reason.New("exec_start", "command", name, "error", bare(err))
}

// exitFault says how a command failed. A script with Windows line ends fails in many ways, each of
// which looks like something else.
func (c *command) exitFault(args []string, code int) reason.Reason {
	name := filepath.Base(args[0])
	if script := windowsScript(c.s.Dir, args); script != "" {
		return reason.New("exec_exit_crlf", "command", name, "status", code, "script", script)
	}
	return reason.New("exec_exit_status", "command", name, "status", code)
}

// windowsScript gives the name of the script that a command runs when its lines end as on Windows;
// "" when they do not.
func windowsScript(dir string, args []string) string {
	var scripts []string
	switch {
	case isShell(args[0]):
		scripts = args[1:]
	case strings.Contains(args[0], "/"): // else it was found in PATH
		scripts = args[:1]
	}
	for _, s := range scripts {
		if first, ended := firstLine(inDir(dir, s)); ended && strings.HasSuffix(first, "\r") {
			return filepath.Base(s)
		}
	}
	return ""
}

func isShell(program string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh", "zsh"}, filepath.Base(program))
}

func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// longestFirstLine is how much of a file is read for its first line, in bytes.
const longestFirstLine = 512

// firstLine gives the beginning of a regular file's first line, and whether all of it was read.
func firstLine(path string) (line string, ended bool) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, longestFirstLine))
	if err != nil {
		return "", false
	}
	before, _, ended := bytes.Cut(b, []byte("\n"))
	return string(before), ended
}
