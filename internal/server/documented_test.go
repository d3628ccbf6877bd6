package server_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents gives the pages of the documentation.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/decisions/*.md", "../../configs/*.md", "../../configs/packs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if filepath.Base(f) == "CHANGELOG.md" {
				continue // it tells of addresses that there were, too
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all[f] = string(b)
		}
	}
	return all
}

// elsewhere are addresses in the documentation that are those of other programs.
func elsewhere() []string { return []string{"/api/v2/shop/get_shop_info"} }

// Every address that the documentation names is answered, with the method that it names.
func TestDocumentedRoutesExist(t *testing.T) {
	s := newServer(t, busy(), nil)
	// A method, if it is written before it; an address of ours: at the beginning of code or behind a server's name.
	named := regexp.MustCompile("(?:(GET|POST|PUT|DELETE) (?:[^\\s`]*\\$GUARDIAN_URL\"?)?|[`\"'( ]|\\$GUARDIAN_URL|:9440|guardian\\.example\\.com)" +
		"(/(?:api/v[12]|api/slack|-|act|federate|metrics|sla|login|logout|services/|checks/|watches/|rollbacks/|alerts|oncall|journal|drills)[^\\s`\"'|)\\]]*)")
	ours := regexp.MustCompile(`\{[^}]*\}|<[^>]*>|\$[A-Za-z_]+|\$\{[^}]*\}`)
	seen := map[string]bool{}
	for file, text := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			path := strings.TrimRight(m[2], ".,;:*")
			if slices.Contains(elsewhere(), path) {
				continue
			}
			address, _, _ := strings.Cut(path, "?")
			address = ours.ReplaceAllString(address, "x")
			if strings.HasSuffix(address, "/") && address != "/" {
				continue // a part of many addresses
			}
			methods := []string{m[1]}
			if m[1] == "" {
				methods = []string{"GET", "POST", "DELETE", "PUT"}
			}
			if !slices.ContainsFunc(methods, func(method string) bool { return s.Route(method, address) != "/" }) {
				t.Errorf("%s names %s %s, which is no route", file, m[1], path)
			}
			seen[address] = true
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d addresses were found: the pattern is wrong", len(seen))
	}
}

// Every route of the API is documented.
func TestRoutesAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	roles, _ := newServer(t, busy(), nil).Routes()
	for _, pattern := range slices.Sorted(maps.Keys(roles)) {
		method, path, _ := strings.Cut(pattern, " ")
		if strings.Contains(path, "{decision}") || !strings.HasPrefix(path, "/api/") {
			continue
		}
		name := strings.TrimPrefix(path, "/api/v1/")
		if !strings.Contains(text, path) && !strings.Contains(text, "`"+name) && !strings.Contains(text, "`"+method+" "+name) {
			t.Errorf("docs/api.md does not name %s", pattern)
		}
	}
}

// Every call of Prometheus' API that its table names is there, with the parameters that are named beside it.
func TestDocumentedPrometheusCallsExist(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## Prometheus' API\n")
	section, _, _ = strings.Cut(section, "\n## ")
	s := newServer(t, busy(), nil)
	code := regexp.MustCompile("`([^` ]+)`( \\\\\\*)?")
	calls := 0
	for line := range strings.Lines(section) {
		row := strings.Split(line, "|")
		if len(row) != 5 || !strings.Contains(row[1], "`") {
			continue
		}
		for _, call := range code.FindAllStringSubmatch(row[1], -1) {
			calls++
			path := "/api/v1/" + strings.ReplaceAll(call[1], "{name}", "x")
			if s.Route("GET", path) == "/" || (call[2] != "") != (s.Route("POST", path) != "/") {
				t.Errorf("%s: GET takes %s, POST %s", call[0], s.Route("GET", path), s.Route("POST", path))
			}
			for _, param := range code.FindAllStringSubmatch(row[2], -1) {
				if param[1] == "[]" {
					continue // of the spelling
				}
				got := (called{method: "GET", path: path + "?" + strings.NewReplacer("[", "%5B", "]", "%5D").Replace(param[1]) + "="}).of(s)
				if strings.Contains(got.Body.String(), "it is not supported here") {
					t.Errorf("%s does not take %s: %s", call[1], param[1], got.Body)
				}
			}
		}
	}
	if calls < 24 {
		t.Errorf("only %d calls were found: the pattern is wrong", calls)
	}
}
