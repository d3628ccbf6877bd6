package program

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Program is a compiled program of this module.
type Program struct {
	Path    string
	sources []string
}

// Build compiles a program into a file; env is beside the environment, flags are of go build.
// A test that runs it calls Used.
func Build(path, pkg string, env []string, flags ...string) (Program, error) {
	cmd := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{pkg})...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	s, err := sources(pkg)
	return Program{path, s}, err
}

// Used makes the running test's result hang on the program's sources. What go test keeps of a
// result hangs on the files that the test asked for itself, from its first test on (not in
// TestMain), and on nothing that programs which it ran have read: a test of a changed program
// would go on to pass without being run.
func (p Program) Used() error { return used(p.sources) }

// Depend makes the running test's result hang on the sources of packages, as Used does.
func Depend(patterns ...string) error {
	s, err := sources(patterns...)
	if err != nil {
		return err
	}
	return used(s)
}

func used(sources []string) error {
	for _, path := range sources {
		if _, err := os.Stat(path); err != nil { // go test writes down that it was asked for
			return err
		}
	}
	return nil
}

// sources are the files and folders of packages of this module, and of what they import of it.
func sources(patterns ...string) ([]string, error) {
	const files = `{{if and .Module .Module.Main}}{{$d := .Dir}}{{$d}}
{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}
{{end}}{{.Module.GoMod}}{{end}}`
	out, err := exec.Command("go", slices.Concat([]string{"list", "-deps", "-f", files}, patterns)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list -deps %v: %w", patterns, err)
	}
	all := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
	slices.Sort(all)
	return slices.Compact(all), nil
}
