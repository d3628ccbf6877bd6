package exec

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"guardian/actions"
	"guardian/internal/reason"
)

// Plan implements actions.Planner: which program would run where. The error is why it could not be started,
// as far as the files of this machine tell. It starts nothing.
func (c *command) Plan(_ context.Context, call actions.Call) (reason.Reason, error) {
	data, err := call.Data()
	if err != nil {
		return reason.Reason{}, err
	}
	args, err := c.render(c.args, data)
	if err != nil {
		return reason.Reason{}, err
	}
	status := reason.Reason{}
	if len(c.status) > 0 {
		asks, err := c.render(c.status, data)
		if err != nil {
			return reason.Reason{}, err
		}
		status = Unfit(c.s.Dir, asks)
	}
	plan := reason.New("exec_plan", "command", actions.Shown(args[0], c.env.Redactor, &c.local), "dir", c.s.Dir, "status", status)
	if why := Unfit(c.s.Dir, args); !why.IsZero() {
		return plan, actions.RedactError(actions.Failure(why), c.env.Redactor, &c.local)
	}
	return plan, nil
}

// Unfit tells, without starting it, why a command cannot be run on this machine: its folder or its program is
// not there or not executable, or it is a script that would fail in its first line. Zero: nothing is known
// against it.
func Unfit(dir string, args []string) reason.Reason {
	name := filepath.Base(args[0])
	if dir != "" {
		if d, err := os.Stat(dir); err != nil || !d.IsDir() {
			return reason.New("exec_no_dir", "command", name)
		}
	}
	path, err := found(dir, args[0])
	if err != nil {
		return notStarted(name, path, err)
	}
	if why := firstLineFault(name, path); !why.IsZero() {
		return why
	}
	return scriptFault(dir, args)
}

// found gives the file of a program as starting it would find it.
func found(dir, program string) (string, error) {
	if !strings.Contains(program, "/") {
		return exec.LookPath(program)
	}
	path := inDir(dir, program)
	_, err := exec.LookPath(path)
	return path, err
}

// notStarted says why the file of a program cannot be started.
func notStarted(name, path string, err error) reason.Reason {
	file, statErr := os.Stat(path)
	switch {
	case statErr == nil && file.Mode().IsRegular() && file.Mode().Perm()&0o111 == 0:
		return reason.New("exec_no_run_bit", "command", name)
	case statErr != nil && path != "":
		err = statErr
	}
	return reason.New("exec_start", "command", name, "error", bare(err))
}

// firstLineFault says what in the first line of a script keeps it from being started. Programs have none.
func firstLineFault(name, path string) reason.Reason {
	first, ended := firstLine(path)
	line, windows := strings.CutSuffix(first, "\r")
	interpreter, script := strings.CutPrefix(line, "#!")
	switch {
	case strings.HasPrefix(line, "\ufeff"):
		return reason.New("exec_byte_order_mark", "command", name)
	case !script && isText(first):
		return reason.New("exec_no_interpreter_line", "command", name)
	case !script:
		return reason.Reason{}
	case windows && ended:
		return reason.New("exec_crlf", "command", name)
	}
	if words := strings.Fields(interpreter); len(words) > 0 {
		if _, err := os.Stat(words[0]); errors.Is(err, fs.ErrNotExist) {
			return reason.New("exec_no_interpreter", "command", name, "interpreter", actions.Shown(strings.TrimSpace(interpreter)))
		}
	}
	return reason.Reason{}
}

// isText reports whether the beginning of a file is text, which no system runs without an interpreter.
func isText(first string) bool {
	return utf8.ValidString(first) && !strings.ContainsFunc(first, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\r' })
}

// scriptFault says what is wrong with a script that is given to a shell.
func scriptFault(dir string, args []string) reason.Reason {
	if script := windowsScript(dir, args); script != "" {
		return reason.New("exec_script_crlf", "script", script)
	}
	if !isShell(args[0]) || len(args) < 2 || strings.HasPrefix(args[1], "-") {
		return reason.Reason{}
	}
	if _, err := os.Stat(inDir(dir, args[1])); errors.Is(err, fs.ErrNotExist) {
		return reason.New("exec_no_script", "command", filepath.Base(args[0]), "script", actions.Shown(args[1]))
	}
	return reason.Reason{}
}
