package ingest

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names are the metrics that may be written. The zero value allows none.
type Names struct {
	exact map[string]bool
	globs []string
	made  map[string]bool
}

// NewNames parses names and globs with *, such as orders_total, erp_* and http.server.*. Names are
// UTF-8, as OpenTelemetry and Prometheus 3 write them. The error joins all mistakes, each as a
// *NameError.
func NewNames(patterns []string) (Names, error) {
	n := Names{exact: map[string]bool{}}
	var errs []error
	for i, p := range patterns {
		plain := strings.ReplaceAll(p, "*", "")
		switch {
		case p != "" && plain == "":
			errs = append(errs, &NameError{i, fmt.Sprintf("%q would match every name", p), "begin with a prefix, such as erp_*: otherwise a mistyped name is never noticed"})
		case !isName(p):
			errs = append(errs, &NameError{i, fmt.Sprintf("%q is not a metric name", short(p)), "give the name alone, without labels, quotes and spaces around it"})
		case own(p), strings.Contains(p, "*") && ownGlob(p):
			errs = append(errs, &NameError{i, fmt.Sprintf("%q is a name that the guardian makes itself", short(p)), "rename it in the sender"})
		case strings.Contains(p, "*"):
			n.globs = append(n.globs, p)
		default:
			n.exact[p] = true
		}
	}
	return n, errors.Join(errs...)
}

// NameError is one mistake in the list of names.
type NameError struct {
	Index         int // in the list
	Problem, Hint string
}

func (e *NameError) Error() string { return e.Problem }

// Has reports whether this metric may be written.
func (n Names) Has(name string) bool {
	if n.Own(name) {
		return false
	}
	if n.exact[name] {
		return true
	}
	for _, g := range n.globs {
		if matches(g, name) {
			return true
		}
	}
	return false
}

// isName reports whether a pattern can be meant as a name. A metric may be called anything that is UTF-8;
// what looks like a selector or a list is a mistake.
func isName(p string) bool {
	return p != "" && utf8.ValidString(p) && strings.TrimSpace(p) == p && !strings.ContainsAny(p, "{}\"'`,=?[]\\") &&
		strings.IndexFunc(p, unicode.IsControl) < 0 && !strings.HasPrefix(p, "-")
}

// matches reports whether a name is like a glob, in which * stands for any characters, / too.
func matches(glob, name string) bool {
	parts := strings.Split(glob, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = rest
	}
	return true
}

// Without returns the names without those that checks or rules make, which a glob may match.
func (n Names) Without(made map[string]bool) Names {
	n.made = made
	return n
}

// Own reports whether the guardian makes metrics of this name itself. They cannot be written,
// because a sender could then fake the health of a check.
func (n Names) Own(name string) bool { return n.made[name] || own(name) }

// ownPrefixes are the prefixes of metrics that checks and the guardian itself make, and of
// ALERTS and ALERTS_FOR_STATE of its rules.
func ownPrefixes() [6]string {
	return [...]string{"probe_", "guardian_", "marketplace_", "order_push_", "promql_value", "ALERTS"}
}

func own(name string) bool {
	for _, p := range ownPrefixes() {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// ownGlob reports whether a glob matches only the guardian's own metrics: probe* does, p* does not.
func ownGlob(glob string) bool {
	head, _, _ := strings.Cut(glob, "*")
	for _, p := range ownPrefixes() {
		if head != "" && strings.HasPrefix(p, head) && len(head) >= len(p)-1 {
			return true
		}
	}
	return false
}

// short truncates text of a sender for a message.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
