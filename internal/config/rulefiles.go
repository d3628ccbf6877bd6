package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/probes"
	"guardian/rules"
)

// checkRules reads the rule files, and finds metrics that nothing makes: a rule that reads
// one would never fire and never say so.
func (d *decoder) checkRules(c *Config) {
	for i, metric := range c.Ingest {
		if !model.LegacyValidation.IsValidMetricName(metric) {
			d.blame(at("ingest", i), fmt.Sprintf("%q is not a metric name", shorten(metric, 60)), "")
		}
	}
	for i, pattern := range c.Rules {
		c.RuleFiles = append(c.RuleFiles, d.readRules(at("rules", i), pattern, c.RuleFiles)...)
	}
	slices.SortFunc(c.RuleFiles, func(a, b RuleFile) int { return strings.Compare(a.Name, b.Name) })
	d.ruleFiles(c.RuleFiles, c)
	if c.Groups == nil {
		return
	}
	made, complete := d.metrics(c)
	if !complete {
		return
	}
	produced := func(metric string) bool { _, found := slices.BinarySearch(made, metric); return found }
	for _, err := range rules.Validate(c.Groups, produced, made) {
		d.ruleMistake(err)
	}
}

// readRules reads the files that a pattern matches and that are not known yet.
func (d *decoder) readRules(path, pattern string, known []RuleFile) []RuleFile {
	// Names in messages are relative as the configuration's own is.
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(d.file), full)
	}
	found, err := filepath.Glob(full)
	switch {
	case err != nil:
		d.blame(path, fmt.Sprintf("%q is not a pattern", shorten(pattern, 60)), "write rules/*.yaml, for example")
	case len(found) == 0:
		d.blame(path, fmt.Sprintf("no file matches %q", shorten(pattern, 60)), "patterns are relative to the configuration's folder")
	}
	var files []RuleFile
	for _, file := range found {
		if slices.ContainsFunc(known, func(f RuleFile) bool { return f.Name == file }) {
			continue
		}
		content, err := readFile(file, mostFile)
		if err != nil {
			d.blame(path, err.Error(), "")
			continue
		}
		files = append(files, RuleFile{Name: file, Content: content})
	}
	return files
}

// ruleFiles decodes rule files into c.Groups.
func (d *decoder) ruleFiles(files []RuleFile, c *Config) {
	in := make([]rules.File, len(files))
	for i, f := range files {
		in[i] = rules.File{Name: f.Name, Content: f.Content}
	}
	groups, err := rules.Load(in, rules.Options{
		Interval:       time.Duration(c.EvaluationInterval),
		ExternalLabels: c.ExternalLabels,
		ExternalURL:    c.Server.ExternalURL,
	})
	for _, one := range joined(err) {
		d.ruleMistake(one)
	}
	c.Groups = groups
}

// ruleMistake takes over what the rules say of their files.
func (d *decoder) ruleMistake(err error) {
	var e *rules.Error
	if !errors.As(err, &e) {
		d.add(nil, "rules", err.Error(), "")
		return
	}
	d.mistakes = append(d.mistakes, Mistake{File: e.File, Line: e.Line, Column: e.Column, Problem: e.Err.Error(), Hint: e.Hint})
}

// metrics lists every name that a check, or what is written here, can ever make, sorted. It
// is complete when every check is known.
func (d *decoder) metrics(c *Config) (made []string, complete bool) {
	complete = true
	made = append(probes.CommonSeries(), c.Ingest...)
	for i := range c.Checks {
		kind, ok := d.options.Probes[c.Checks[i].Kind]
		if !ok || c.Checks[i].Settings == nil {
			complete = false
			continue
		}
		if kind.Produces != nil {
			made = append(made, kind.Produces(c.Checks[i].Settings)...)
		}
	}
	return sortedUnique(made), complete
}
