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

	"guardian/actions"
	"guardian/internal/reason"
)

// startFault says why a command could not be started. The system names the script where its
// interpreter is not there, and says "no such file" of a script that is.
func startFault(cmd *exec.Cmd, err error) reason.Reason {
	name := filepath.Base(cmd.Args[0])
	if cmd.Dir != "" {
		if d, e := os.Stat(cmd.Dir); e != nil || !d.IsDir() {
			return reason.New("exec_no_dir", "command", name)
		}
	}
	path := inDir(cmd.Dir, cmd.Path)
	file, statErr := os.Stat(path)
	if statErr != nil || !file.Mode().IsRegular() {
		return reason.New("exec_start", "command", name, "error", bare(err))
	}
	first, ended := firstLine(path)
	line, windows := strings.CutSuffix(first, "\r")
	switch {
	case errors.Is(err, syscall.EACCES) && file.Mode().Perm()&0o111 == 0:
		return reason.New("exec_no_run_bit", "command", name)
	case strings.HasPrefix(line, "\ufeff"):
		return reason.New("exec_byte_order_mark", "command", name)
	case errors.Is(err, syscall.ENOENT) && windows && ended:
		return reason.New("exec_crlf", "command", name)
	case errors.Is(err, syscall.ENOENT) && strings.HasPrefix(line, "#!"):
		return reason.New("exec_no_interpreter", "command", name, "interpreter", actions.Shown(strings.TrimSpace(line[2:])))
	case errors.Is(err, syscall.ENOEXEC):
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
	case slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh", "zsh"}, filepath.Base(args[0])):
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
