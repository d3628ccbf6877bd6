package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"guardian/internal/drills"
	"guardian/internal/ingest"
	"guardian/probes"
	"guardian/probes/marketplace"
	"guardian/rules"
)

// checkRules reads the rule files, and finds metrics that nothing produces: a rule that reads
// one would silently never fire.
func (d *decoder) checkRules(c *Config) {
	var err error
	c.Ingested, err = ingest.NewNames(c.Ingest)
	for _, one := range joined(err) {
		if bad := new(ingest.NameError); errors.As(one, &bad) {
			d.blame(at("ingest", bad.Index), bad.Problem, bad.Hint)
		}
	}
	for i, pattern := range c.Rules {
		c.RuleFiles = append(c.RuleFiles, d.readRules(at("rules", i), pattern, c.RuleFiles)...)
	}
	sortFiles(c.RuleFiles)
	made, complete := d.metrics(c)
	own := d.ruleFiles(c.RuleFiles, c, nil)
	own = append(own, d.defaultRules(c, own, made)...)
	c.Groups = own
	for i := range c.RuleSources {
		c.Groups = append(c.Groups, d.checkRuleSource(c, &c.RuleSources[i], at("rule_sources", i))...)
	}
	recorded := recordedBy(c.Groups)
	c.Ingested = c.Ingested.Without(setOf(made, recorded))
	if !complete || own == nil {
		return
	}
	produced := func(metric string) bool {
		_, found := slices.BinarySearch(made, metric)
		return found || c.Ingested.Has(metric) || slices.Contains(recorded, metric)
	}
	// Rules of other servers are not validated: their metrics are not known here.
	for _, err := range rules.Validate(own, produced, slices.Concat(made, c.Ingest, recorded)) {
		d.ruleMistake(err)
	}
}

func sortFiles(files []RuleFile) {
	slices.SortFunc(files, func(a, b RuleFile) int { return strings.Compare(a.Name, b.Name) })
}

func setOf(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, one := range list {
			set[one] = true
		}
	}
	return set
}

// recordedBy lists the series that recording rules produce.
func recordedBy(groups []*rules.Group) []string {
	var all []string
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				all = append(all, r.Record)
			}
		}
	}
	return all
}

// checkRuleSource validates a source and loads its rules. A file has one source, because the
// state of its alerts is stored by file.
func (d *decoder) checkRuleSource(c *Config, s *RuleSource, path string) []*rules.Group {
	d.validate(&s.PromQLServer, path)
	d.above(path+".timeout", s.Timeout)
	if s.QueryOffset < 0 {
		d.blame(path+".query_offset", "must not be less than 0s", "")
	}
	var files []RuleFile
	for i, pattern := range s.Rules {
		place := fmt.Sprintf("%s.rules[%d]", path, i)
		for _, f := range d.readRules(place, pattern, files) {
			if slices.ContainsFunc(c.RuleFiles, func(other RuleFile) bool { return other.Name == f.Name }) {
				d.blame(place, fmt.Sprintf("%s is already in rules or in another source", f.Name), "list each rule file once")
				continue
			}
			files = append(files, f)
		}
	}
	sortFiles(files)
	c.RuleFiles = append(c.RuleFiles, files...)
	return d.ruleFiles(files, c, s)
}

// readRules reads the files that a pattern matches, without those that are known already.
func (d *decoder) readRules(path, pattern string, known []RuleFile) []RuleFile {
	// Names in messages are relative like the configuration's own.
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(d.file), full)
	}
	found, err := filepath.Glob(full)
	switch {
	case err != nil:
		d.blame(path, fmt.Sprintf("%q is not a pattern", shorten(pattern, 60)), "for example rules/*.yaml")
	case len(found) == 0:
		d.blame(path, fmt.Sprintf("no file matches %q", shorten(pattern, 60)), "patterns are relative to the configuration's folder")
	}
	var files []RuleFile
	for _, file := range found {
		if slices.ContainsFunc(known, func(f RuleFile) bool { return f.Name == file }) {
			continue
		}
		content, err := readFile(file, maxFile)
		if err != nil {
			d.blame(path, err.Error(), "")
			continue
		}
		files = append(files, RuleFile{Name: file, ID: d.fileID(pattern, file), Content: content})
	}
	return files
}

// fileID returns the path of a rule file relative to the configuration, which identifies it
// wherever the configuration is stored.
func (d *decoder) fileID(pattern, file string) string {
	if filepath.IsAbs(pattern) {
		return file
	}
	id, err := filepath.Rel(filepath.Dir(d.file), file)
	if err != nil {
		return file
	}
	return filepath.ToSlash(id)
}

// ruleFiles decodes rule files whose queries a source evaluates; nil: the guardian itself.
func (d *decoder) ruleFiles(files []RuleFile, c *Config, s *RuleSource) []*rules.Group {
	in := make([]rules.File, len(files))
	for i, f := range files {
		in[i] = rules.File{Name: f.Name, ID: f.ID, Content: f.Content}
	}
	o := rules.Options{
		Interval:       time.Duration(c.EvaluationInterval),
		ExternalLabels: c.ExternalLabels,
		ExternalURL:    c.Server.ExternalURL,
	}
	o.URL, _ = url.Parse(o.ExternalURL) // checkServer reports a bad one
	if s != nil {
		o.Source, o.QueryOffset = s.Name, time.Duration(s.QueryOffset)
	}
	groups, err := rules.Load(in, o)
	for _, one := range joined(err) {
		d.ruleMistake(one)
	}
	return groups
}

// ruleMistake adds an error of package rules.
func (d *decoder) ruleMistake(err error) {
	var e *rules.Error
	if !errors.As(err, &e) {
		d.add(nil, "rules", err.Error(), "")
		return
	}
	d.mistakes = append(d.mistakes, Mistake{File: e.File, Line: e.Line, Column: e.Column, Problem: e.Err.Error(), Hint: e.Hint})
}

// metrics lists the names of all series that checks can produce, sorted. It is complete if
// the kinds of all checks are known.
func (d *decoder) metrics(c *Config) (made []string, complete bool) {
	complete = true
	made = probes.CommonSeries()
	for i := range c.Checks {
		kind, ok := d.options.Probes[c.Checks[i].Kind]
		if !ok || c.Checks[i].Settings == nil {
			complete = false
			continue
		}
		made = append(made, c.Checks[i].Series(kind)...)
	}
	// Calls can be reported (POST /api/v1/calls) whatever is configured.
	made = append(made, marketplace.InferredSeries()...)
	if len(c.Drills) > 0 {
		made = append(made, drills.Series()...)
	}
	return sortedUnique(made), complete
}
