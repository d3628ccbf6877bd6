package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/template"
	"github.com/prometheus/prometheus/util/features"
	"go.yaml.in/yaml/v3"

	"guardian/internal/config"
	"guardian/internal/recording"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/probes/sample"
)

// setup implements server.Setup.
type setup struct {
	running  func() Running
	features func() map[string]map[string]bool // of the storage and the engine
	redactor *secret.Redactor
}

// PromSetup implements server.Setup.
func (s setup) PromSetup(context.Context) (server.PromSetup, error) {
	c := s.running().Config
	var alertmanagers []string
	for _, a := range c.Alertmanagers {
		alertmanagers = append(alertmanagers, alertsAt(a.URL.Reveal()))
	}
	text, err := promConfig(c)
	if err != nil {
		return server.PromSetup{}, err
	}
	return server.PromSetup{
		Config: s.redactor.Redact(text), Flags: promFlags(c), Retention: time.Duration(c.Storage.Retention.Samples), Alertmanagers: alertmanagers,
		ExternalLabels: c.ExternalLabels, Features: promFeatures(s.features()),
	}, nil
}

// alertsAt is where alerts are posted at an Alertmanager, without what may be secret in its address.
func alertsAt(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return secret.Mask
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/") + "/api/v2/alerts"}).String()
}

// promConfig writes what Prometheus' own configuration has a word for: clients read the interval and the
// external labels there. Nothing in it is secret.
func promConfig(c *config.Config) (string, error) {
	type global struct {
		ScrapeInterval     model.Duration    `yaml:"scrape_interval"`
		EvaluationInterval model.Duration    `yaml:"evaluation_interval"`
		ExternalLabels     map[string]string `yaml:"external_labels,omitempty"`
	}
	type exemplars struct {
		Max int `yaml:"max_exemplars"`
	}
	text, err := yaml.Marshal(struct {
		Global    global   `yaml:"global"`
		RuleFiles []string `yaml:"rule_files,omitempty"`
		Storage   struct {
			Exemplars exemplars `yaml:"exemplars"`
		} `yaml:"storage"`
	}{
		Global:    global{c.Defaults.Every, c.EvaluationInterval, c.ExternalLabels},
		RuleFiles: c.Rules,
		Storage: struct {
			Exemplars exemplars `yaml:"exemplars"`
		}{exemplars{c.Storage.Exemplars}},
	})
	if err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return string(text), nil
}

// promFlags names what runs as Prometheus' flags do.
func promFlags(c *config.Config) map[string]string {
	return map[string]string{
		"config.file":                      c.File,
		"query.lookback-delta":             model.Duration(series.Lookback).String(),
		"query.max-samples":                fmt.Sprint(c.Server.Limits.QuerySamples),
		"query.timeout":                    c.Server.Limits.QueryTimeout.String(),
		"storage.tsdb.path":                c.Storage.Path,
		"storage.tsdb.retention.time":      c.Storage.Retention.Samples.String(),
		"web.enable-admin-api":             "false",
		"web.enable-lifecycle":             "true",
		"web.enable-remote-write-receiver": "true",
		"web.external-url":                 c.Server.ExternalURL,
		"web.listen-address":               c.Server.Listen,
	}
}

// promFeatures adds to the features of the storage and the engine those of the API, the rules and their templates.
func promFeatures(of map[string]map[string]bool) map[string]map[string]bool {
	r := features.NewRegistry()
	for category, names := range of {
		for name, on := range names {
			r.Set(category, name, on)
		}
	}
	for name, on := range map[string]bool{
		"admin": false, "lifecycle": true, "remote_write_receiver": true, "otlp_write_receiver": false, "search": false, "label_values_match": true,
		"query_warnings": true, "query_stats": true, "time_range_series": true, "time_range_labels": true, "exclude_alerts": true,
	} {
		r.Set(features.API, name, on)
	}
	r.Enable(features.Rules, "query_offset")
	r.Enable(features.Rules, "keep_firing_for")
	template.RegisterFeatures(r)
	return r.Get()
}

// targets implements server.Targets.
type targets struct {
	running func() Running
	record  interface {
		Status(check string, now time.Time) recording.Status
	}
	redactor *secret.Redactor
	now      func() time.Time
}

// CheckTargets implements server.Targets.
func (ts targets) CheckTargets(context.Context) ([]server.Target, error) {
	checks := ts.running().Config.Checks
	all := make([]server.Target, len(checks))
	for i := range checks {
		all[i] = ts.target(&checks[i])
	}
	slices.SortStableFunc(all, func(a, b server.Target) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Check, b.Check))
	})
	return all, nil
}

func (ts targets) target(c *config.Check) server.Target {
	seen := ts.record.Status(c.Name, ts.now())
	t := server.Target{
		Check: c.Name, Kind: c.Kind, Labels: map[string]string{}, Health: sample.Unknown,
		Every: time.Duration(c.Every), Timeout: time.Duration(c.Timeout),
	}
	maps.Copy(t.Labels, c.Labels)
	t.Labels["check"], t.Labels["kind"], t.Labels["service"] = c.Name, c.Kind, c.Service
	for _, line := range config.Shown(c.Settings) {
		if t.URL == "" && slices.Contains([]string{"url", "address", "server"}, line.Key) {
			t.URL = ts.redactor.Redact(line.Value)
		}
	}
	if last := seen.Last; last != nil {
		t.Last, t.Took, t.Health = last.At, last.Duration, last.Health
		if last.Health != sample.Up {
			t.Problem = last.Reason.String()
		}
	}
	if seen.Blind {
		t.Health, t.Problem = sample.Unknown, seen.BlindReason.String()
	}
	return t
}
