package rules

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Group is a rule file's group: rules that are evaluated one after the other, at the same
// moment. It does not change after Load.
type Group struct {
	Name        string
	File        string
	FileID      string // the file's, however its path is written
	Line        int
	Interval    time.Duration // between evaluations that no sample triggers
	QueryOffset time.Duration // how long before now the expressions are evaluated
	Limit       int           // of alerts or series per rule; 0: none
	Source      string        // which server answers its queries; "": the guardian's own series
	Rules       []*Rule

	opts       *Options
	inputs     []RuleSet // by rule: those that record what it reads
	dependents []RuleSet // by rule: itself, and later ones that read what it records, also through others
	urgent     RuleSet   // critical rules, those that fail watches, and those that record what these read
}

// Key is the key of the group's state: file and name.
func (g *Group) Key() string { return g.FileID + ";" + g.Name }

// Rule is one alerting or recording rule. It does not change after Load.
type Rule struct {
	Alert  string // the alertname; "" for a recording rule
	Record string // the recorded series' name; "" for an alerting rule
	// Key identifies the rule within its group across reloads and restarts: name and labels, and
	// a number when several have the same.
	Key string

	Expr          string // as Prometheus prints it
	For           time.Duration
	KeepFiringFor time.Duration
	Labels        map[string]string // templates, for an alerting rule; the group's labels included
	Annotations   map[string]string // templates
	Tier          Tier              // of its labels before any template is expanded
	FailsWatch    bool
	// Settles is how long its alerts may fire on after their cause is gone: as far as the expression
	// looks back, keep_firing_for, and one interval of the group.
	Settles time.Duration

	Group  string
	File   string
	FileID string
	Line   int // of the expression

	expr         parser.Expr
	labels       labels.Labels
	annotations  labels.Labels
	dependencies []dependency
	queries      bool          // its templates ask queries
	steady       bool          // what its templates expand to depends on labels and value alone
	readsValue   bool          // its templates read the value
	sharesName   bool          // another rule of the group records series of the same name
	reach        time.Duration // see Alert.Reach; through recorded series too
}

// Name gives the alertname or the recorded series' name.
func (r *Rule) Name() string {
	if r.Alert != "" {
		return r.Alert
	}
	return r.Record
}

// tierOf reads label tier, else label severity with the names that are common elsewhere.
func tierOf(get func(string) string) Tier {
	switch t := Tier(get("tier")); t {
	case Critical, Warning, Info:
		return t
	}
	switch get("severity") {
	case "critical", "page", "error":
		return Critical
	case "warning", "warn":
		return Warning
	default:
		return Info
	}
}

// keyRules gives each rule of a group its key.
func keyRules(rs []*Rule) {
	seen := map[string]int{}
	for _, r := range rs {
		key := r.Name() + r.labels.String()
		seen[key]++
		if n := seen[key]; n > 1 {
			key += "#" + strconv.Itoa(n)
		}
		r.Key = key
	}
}

// String gives the position of the rule: file, line, group and name.
func (r *Rule) String() string {
	return fmt.Sprintf("%s:%d: group %q, rule %q", r.File, r.Line, r.Group, r.Name())
}
