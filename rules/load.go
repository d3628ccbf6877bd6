package rules

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// File is a rule file: what it is called in errors and its content.
type File struct {
	Name    string
	Content []byte
}

// Options are what rule files do not say. The zero value is good.
type Options struct {
	Interval            time.Duration     // of groups without one; 0: one minute
	QueryOffset         time.Duration     // of groups without one
	ExternalLabels      map[string]string // for templates
	ExternalURL         string            // for templates: where this guardian is found
	IgnoreUnknownFields bool
	Parser              parser.Parser // nil: Prometheus' defaults
	Log                 *slog.Logger  // nil: silent

	externalURL *url.URL
}

// Error is one mistake in a rule file.
type Error struct {
	File         string
	Line, Column int // from 1; 0 when not known
	Err          error
	Hint         string // what to do; may be ""
}

// Error gives "file:line:column: what (hint)".
func (e *Error) Error() string {
	var sb strings.Builder
	sb.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&sb, ":%d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&sb, ":%d", e.Column)
		}
	}
	fmt.Fprintf(&sb, ": %s", e.Err)
	if e.Hint != "" {
		fmt.Fprintf(&sb, " (%s)", e.Hint)
	}
	return sb.String()
}

// Unwrap gives what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Load reads Prometheus rule files. Every mistake of every file is in the error, each as an
// *Error; with an error there are no groups.
func Load(files []File, o Options) ([]*Group, error) {
	if o.Interval <= 0 {
		o.Interval = time.Minute
	}
	if o.Parser == nil {
		o.Parser = parser.NewParser(parser.Options{ExperimentalDurationExpr: true})
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var errs []error
	u, err := url.Parse(o.ExternalURL)
	if err != nil {
		errs = append(errs, fmt.Errorf("external url: %w", err))
	}
	o.externalURL = u

	var groups []*Group
	for _, f := range files {
		gs, mistakes := loadFile(f, &o)
		groups = append(groups, gs...)
		errs = append(errs, mistakes...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	setViews(groups)
	return groups, nil
}

func loadFile(f File, o *Options) ([]*Group, []error) {
	parsed, errs := rulefmt.Parse(f.Content, o.IgnoreUnknownFields, model.UTF8Validation, o.Parser, o.Log.With("file", f.Name))
	where := locate(f.Content)
	if len(errs) > 0 {
		var mistakes []error
		for _, err := range errs {
			mistakes = append(mistakes, explain(f.Name, err, where)...)
		}
		return nil, dedupe(mistakes)
	}
	groups := make([]*Group, 0, len(parsed.Groups))
	for i, pg := range parsed.Groups {
		g := &Group{
			Name: pg.Name, File: f.Name, Line: where.group(i),
			Interval: o.Interval, QueryOffset: o.QueryOffset, Limit: pg.Limit, opts: o,
		}
		if pg.Interval != 0 {
			g.Interval = time.Duration(pg.Interval)
		}
		if pg.QueryOffset != nil {
			g.QueryOffset = time.Duration(*pg.QueryOffset)
		}
		for j, pr := range pg.Rules {
			expr, err := o.Parser.ParseExpr(pr.Expr)
			if err != nil {
				return nil, []error{&Error{File: f.Name, Line: where.rule(i, j), Err: err}}
			}
			lbls := maps.Clone(pg.Labels)
			if lbls == nil {
				lbls = map[string]string{}
			}
			maps.Copy(lbls, pr.Labels)
			g.Rules = append(g.Rules, &Rule{
				Alert: pr.Alert, Record: pr.Record, Expr: expr.String(),
				For: time.Duration(pr.For), KeepFiringFor: time.Duration(pr.KeepFiringFor),
				Labels: lbls, Annotations: pr.Annotations,
				Tier:       tierOf(func(name string) string { return lbls[name] }),
				FailsWatch: lbls["fails_watch"] == "true",
				Group:      pg.Name, File: f.Name, Line: where.rule(i, j),
				expr: expr, labels: labels.FromMap(lbls), annotations: labels.FromMap(pr.Annotations),
			})
		}
		keyRules(g.Rules)
		groups = append(groups, g)
	}
	return groups, nil
}

var (
	yamlLine     = regexp.MustCompile(`^\s*(?:yaml: )?line (\d+): (.*)$`)
	rulefmtPlace = regexp.MustCompile(`^(\d+):(\d+): (?:\d+:\d+: )?(?s)(.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type rulefmt\.(\w+)$`)
)

// explain turns one error of the parser, which may hold several, into Errors with a place.
func explain(file string, err error, where places) []error {
	var re *rulefmt.Error
	if errors.As(err, &re) {
		e := &Error{File: file, Err: fmt.Errorf("group %q, rule %d, %q: %w", re.Group, re.Rule, re.RuleName, innermost(re))}
		if m := rulefmtPlace.FindStringSubmatch(re.Error()); m != nil {
			e.Line, _ = strconv.Atoi(m[1])
			e.Column, _ = strconv.Atoi(m[2])
		}
		if e.Line == 0 {
			e.Line, e.Column = where.named(re.Group, re.Rule-1), 0
		}
		return []error{e}
	}
	var all []error
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if line == "" || line == "yaml: unmarshal errors:" {
			continue
		}
		e := &Error{File: file}
		if m := yamlLine.FindStringSubmatch(line); m != nil {
			e.Line, _ = strconv.Atoi(m[1])
			line = m[2]
		} else if m := rulefmtPlace.FindStringSubmatch(line); m != nil {
			e.Line, _ = strconv.Atoi(m[1])
			e.Column, _ = strconv.Atoi(m[2])
			line = m[3]
		}
		if m := unknownField.FindStringSubmatch(line); m != nil {
			line = fmt.Sprintf("unknown field %q", m[1])
			e.Hint = nearestHint(m[1], fieldsOf(m[2]))
		}
		e.Err = errors.New(line)
		all = append(all, e)
	}
	return all
}

// innermost gives what is wrong without the place, which Error says.
func innermost(re *rulefmt.Error) error {
	if err := re.Err.Unwrap(); err != nil {
		return err
	}
	return re
}

// fieldsOf lists the keys that a place in a rule file may have.
func fieldsOf(rulefmtType string) []string {
	switch rulefmtType {
	case "Rule":
		return []string{"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
	case "RuleGroup":
		return []string{"name", "interval", "query_offset", "limit", "rules", "labels"}
	default:
		return []string{"groups"}
	}
}

// dedupe drops a mistake that the parser's two passes over a file both found.
func dedupe(errs []error) []error {
	seen := map[string]bool{}
	var out []error
	for _, err := range errs {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}
