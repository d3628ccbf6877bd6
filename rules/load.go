package rules

import (
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// File is a rule file: a Prometheus rule file, or a manifest with PrometheusRules. It may have several
// documents.
type File struct {
	Name    string // its name in errors
	ID      string // the key of the state of its alerts; "": its name
	Content []byte
}

// Options are what rule files do not contain. The zero value is usable.
type Options struct {
	Interval            time.Duration     // of groups without one; 0: one minute
	QueryOffset         time.Duration     // of groups without one
	Source              string            // Group.Source of the groups
	ExternalLabels      map[string]string // for templates
	ExternalURL         string            // for templates: the URL of this guardian
	URL                 *url.URL          // the same for the template functions externalURL and pathPrefix; nil: they fail, as in promtool
	IgnoreUnknownFields bool
	Parser              parser.Parser // nil: Prometheus' defaults
	Log                 *slog.Logger  // nil: silent
}

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
	var groups []*Group
	for _, f := range files {
		gs, mistakes := loadFile(f, &o)
		groups = append(groups, gs...)
		errs = append(errs, mistakes...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	setDependencies(groups)
	for _, g := range groups {
		g.link()
	}
	return groups, nil
}

func loadFile(f File, o *Options) ([]*Group, []error) {
	if f.ID == "" {
		f.ID = f.Name
	}
	docs, err := documents(f)
	if err != nil {
		return nil, []error{err}
	}
	var groups []*Group
	var errs []error
	for _, d := range docs {
		gs, mistakes := loadDocument(d.File, o)
		d.restore(gs, mistakes)
		groups = append(groups, gs...)
		errs = append(errs, mistakes...)
	}
	return groups, errs
}

func loadDocument(f File, o *Options) ([]*Group, []error) {
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
			Name: pg.Name, File: f.Name, FileID: f.ID, Line: where.group(i),
			Interval: o.Interval, QueryOffset: o.QueryOffset, Limit: pg.Limit, Source: o.Source, opts: o,
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
			r := &Rule{
				Alert: pr.Alert, Record: pr.Record, Expr: expr.String(),
				For: time.Duration(pr.For), KeepFiringFor: time.Duration(pr.KeepFiringFor),
				Labels: lbls, Annotations: pr.Annotations,
				Tier:       tierOf(func(name string) string { return lbls[name] }),
				FailsWatch: lbls["fails_watch"] == "true",
				Group:      pg.Name, File: f.Name, FileID: f.ID, Line: where.rule(i, j),
				expr: expr, labels: labels.FromMap(lbls), annotations: labels.FromMap(pr.Annotations),
			}
			r.templates()
			if errs := r.unknownNames(); len(errs) > 0 {
				return nil, errs
			}
			g.Rules = append(g.Rules, r)
		}
		keyRules(g.Rules)
		groups = append(groups, g)
	}
	return groups, duplicates(groups)
}
