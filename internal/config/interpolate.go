package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"guardian/internal/secret"
)

// maxSecretFile bounds a file that ${file:…} names, in bytes.
const maxSecretFile = 1 << 20

// minRedacted is the length in bytes from which text from the environment or a file is
// redacted everywhere. Redacting shorter text ("3306", "true") would destroy messages.
const minRedacted = 6

// source looks up ${env:…} and ${file:…}.
type source struct {
	lookupEnv func(string) (string, bool)
	folder    string // base of relative paths
}

var reference = regexp.MustCompile(`\$?\$\{[^}]*\}?`)

// interpolate replaces ${env:NAME} and ${file:PATH} in a scalar, and $${ by ${.
func (d *decoder) interpolate(n *yaml.Node, path string, hidden bool) (text string, interpolated, ok bool) {
	if !strings.Contains(n.Value, "${") {
		return n.Value, false, true
	}
	ok = true
	text = reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		if rest, escaped := strings.CutPrefix(ref, "$$"); escaped {
			return "$" + rest
		}
		inner, closed := strings.CutSuffix(strings.TrimPrefix(ref, "${"), "}")
		scheme, name, _ := strings.Cut(inner, ":")
		var value string
		var err error
		switch {
		case !closed:
			err = errors.New("${ is not closed")
		case scheme == "env" && name != "":
			value, err = d.source.env(name)
		case scheme == "file" && name != "":
			value, err = d.source.file(name)
		default:
			err = fmt.Errorf("%s is neither ${env:NAME} nor ${file:PATH}", shorten(ref, 60))
		}
		if err != nil {
			ok = false
			hint := "write $${ for a literal ${"
			if scheme == "env" || scheme == "file" {
				hint = ""
			}
			d.add(n, path, err.Error(), hint)
			return ""
		}
		interpolated = true
		if hidden || len(value) >= minRedacted {
			d.redactor.Learn(secret.New(value))
		}
		return value
	})
	return text, interpolated, ok
}

func (s source) env(name string) (string, error) {
	value, ok := s.lookupEnv(name)
	switch {
	case !ok:
		return "", fmt.Errorf("the environment variable %s is not set", name)
	case value == "":
		return "", fmt.Errorf("the environment variable %s is empty", name)
	}
	return value, nil
}

func (s source) file(name string) (string, error) {
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(s.folder, full)
	}
	content, err := readFile(full, maxSecretFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no file %s", full)
	case err != nil:
		return "", err
	}
	// Editors and echo add a line break that is not part of the secret.
	value := strings.TrimRight(string(content), "\r\n")
	if value == "" {
		return "", fmt.Errorf("the file %s is empty", full)
	}
	return value, nil
}

// readFile reads a regular file of at most so many bytes.
func readFile(path string, limit int64) (_ []byte, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		// Opening a named pipe would block.
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return content, nil
}
