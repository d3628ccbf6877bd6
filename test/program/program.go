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

// Build compiles a program into a file. env is added to the environment, flags are those of go
// build. A test that runs the program calls Used.
func Build(path, pkg string, env []string, flags ...string) (Program, error) {
	cmd := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{pkg})...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	s, err := sources(pkg)
	return Program{path, s}, err
}

// Used makes the cached result of the running test depend on the program's sources. The cache of
// go test sees the files that the test's own process opens or stats while tests run (not in
// TestMain), and not those of programs that it runs: without Used the cached result would still
// count after the program has changed.
func (p Program) Used() error { return used(p.sources) }

// Depend makes the cached result of the running test depend on the sources of packages.
func Depend(patterns ...string) error {
	s, err := sources(patterns...)
	if err != nil {
		return err
	}
	return used(s)
}

func used(sources []string) error {
	for _, path := range sources {
		if _, err := os.Stat(path); err != nil { // go test records the call
			return err
		}
	}
	return nil
}

// sources lists the files and folders of packages and of what they import, of this module.
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
