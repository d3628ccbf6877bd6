package program

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Build compiles a program of this module; env is beside the environment, flags are of go
// build. The running test's result is kept no longer than the program's sources stay.
func Build(binary, pkg string, env []string, flags ...string) error {
	if err := Depend(pkg); err != nil {
		return err
	}
	cmd := exec.Command("go", append(append([]string{"build", "-o", binary}, flags...), pkg)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Depend makes the running test's result hang on the sources of packages of this module and of
// all that these import of it. What go test keeps of a result hangs on the files that the test
// asked for itself, and on nothing that programs which it ran have read: a test of a changed
// program would go on to pass without being run.
func Depend(patterns ...string) error {
	const files = `{{if and .Module .Module.Main}}{{$d := .Dir}}{{$d}}
{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}
{{end}}{{.Module.GoMod}}{{end}}`
	out, err := exec.Command("go", append([]string{"list", "-deps", "-f", files}, patterns...)...).Output()
	if err != nil {
		return fmt.Errorf("go list -deps %v: %w", patterns, err)
	}
	for path := range strings.Lines(string(out)) {
		if path = strings.TrimSuffix(path, "\n"); path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil { // is what go test writes down
			return err
		}
	}
	return nil
}
