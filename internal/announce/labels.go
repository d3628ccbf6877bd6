package announce

import (
	"maps"
	"slices"
	"strings"

	"guardian/decide"
	"guardian/notifiers"
	"guardian/rules"
)

// maxLabels is how many bytes of labels a notice shows, and maxListed a line of a list.
const (
	maxLabels = 300
	maxListed = 80
)

// otherLabels are those of an alert's labels that its notice does not show by other means, in its title
// or in a fact of their own. What an alert of another program is about, such as its instance, is often in
// them alone.
func otherLabels(labels map[string]string) map[string]string {
	other := maps.Clone(labels)
	for _, shown := range []string{"alertname", "tier", "severity", "service", "check", "marketplace", "shop", "site"} {
		delete(other, shown)
	}
	if labels["service"] != "" {
		delete(other, "environment")
	}
	if labels["check"] != "" {
		delete(other, "kind") // the check's
	}
	return other
}

// listLabels writes labels sorted by name: instance=db-1, job=node.
func listLabels(labels map[string]string, most int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return notifiers.Shorten(strings.Join(parts, ", "), most, "…")
}

// apart are the labels that tell an alert from the others of its list, whose common labels are given, as
// far as the text about it does not contain them.
func apart(a rules.Alert, common map[string]string, text string) map[string]string {
	labels := otherLabels(decide.AlertLabels(a))
	maps.DeleteFunc(labels, func(name, v string) bool { return common[name] == v || strings.Contains(text, v) })
	return labels
}

// list is what the alerts of a list have in common.
type list struct {
	service string            // of all of them, which the title names; "": they differ
	labels  map[string]string // the common labels
	names   map[string]int    // how many of them a name is of
}

// among are alerts with common labels as a list.
func (t Renderer) among(alerts []rules.Alert, labels map[string]string) list {
	l := list{service: labels["service"], labels: labels, names: map[string]int{}}
	for _, a := range alerts {
		l.names[t.inList(a, l)]++
	}
	return l
}

// inList names an alert in a list: with its shop, in which it may differ from others of the service.
func (t Renderer) inList(a rules.Alert, l list) string {
	s := t.named(a)
	if l.service != "" {
		s = t.summary(a)
	}
	if shop := where(a.Labels); shop != "" && !strings.Contains(s, shop) {
		return s + t.texts().comma + shop
	}
	return s
}

// listed names an alert in a list so that it differs from the others: with its labels where its rule
// says nothing about it, or the same as another one does.
func (t Renderer) listed(a rules.Alert, l list) string {
	s := t.inList(a, l)
	if t.annotation(a, "summary") != "" && l.names[s] < 2 {
		return s
	}
	if labels := apart(a, l.labels, s); len(labels) > 0 {
		return s + t.texts().comma + listLabels(labels, maxListed)
	}
	return s
}
