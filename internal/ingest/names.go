package ingest

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/prometheus/common/model"
)

// Names are the metrics that others may write. The zero value lets nobody write anything.
type Names struct {
	exact map[string]bool
	globs []string
	made  map[string]bool
}

// NewNames reads names and globs, in which * stands for any letters: orders_total, erp_*.
// The error joins every mistake, each as a *NameError.
func NewNames(patterns []string) (Names, error) {
	n := Names{exact: map[string]bool{}}
	var errs []error
	for i, p := range patterns {
		plain := strings.ReplaceAll(p, "*", "")
		switch {
		case p != "" && plain == "":
			errs = append(errs, &NameError{i, fmt.Sprintf("%q would take every name", p), "begin with letters, such as erp_*: otherwise no mistyped name is ever noticed"})
		case !model.LegacyValidation.IsValidMetricName(strings.ReplaceAll(p, "*", "a")):
			errs = append(errs, &NameError{i, fmt.Sprintf("%q is not a metric name", short(p)), ""})
		case own(p), strings.Contains(p, "*") && ownGlob(p):
			errs = append(errs, &NameError{i, fmt.Sprintf("%q is a name that the guardian makes itself", short(p)), "let the writer rename it"})
		case strings.Contains(p, "*"):
			n.globs = append(n.globs, p)
		default:
			n.exact[p] = true
		}
	}
	return n, errors.Join(errs...)
}

// NameError is a mistake in the list of names.
type NameError struct {
	Index         int // in the list
	Problem, Hint string
}

func (e *NameError) Error() string { return e.Problem }

// Has tells whether others may write this metric.
func (n Names) Has(name string) bool {
	if n.Own(name) {
		return false
	}
	if n.exact[name] {
		return true
	}
	for _, g := range n.globs {
		if ok, err := path.Match(g, name); ok && err == nil {
			return true
		}
	}
	return false
}

// Without gives the names without those that checks or rules make: a glob may take them too.
func (n Names) Without(made map[string]bool) Names {
	n.made = made
	return n
}

// Own tells whether the guardian makes metrics of this name itself. Nobody else may: a
// check's health would be what others say.
func (n Names) Own(name string) bool { return n.made[name] || own(name) }

// ownPrefixes begin the names of what checks and the guardian itself make; its rules' own
// two are ALERTS and ALERTS_FOR_STATE.
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

// ownGlob tells whether all that a glob takes is the guardian's own: p* is not, probe* is.
func ownGlob(glob string) bool {
	head, _, _ := strings.Cut(glob, "*")
	for _, p := range ownPrefixes() {
		if head != "" && strings.HasPrefix(p, head) && len(head) >= len(p)-1 {
			return true
		}
	}
	return false
}

// short cuts what others wrote to a length that a message can hold.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
