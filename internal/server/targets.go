package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/probes/sample"
)

// Targets knows what is looked at: the checks, as Prometheus lists what it scrapes.
type Targets interface {
	// CheckTargets lists the checks by kind and name.
	CheckTargets(ctx context.Context) ([]Target, error)
}

// Target is a check as a target of Prometheus' API.
type Target struct {
	Check, Kind    string
	Labels         map[string]string // of its series
	URL            string            // what it looks at, without secrets; "": it is no address
	Health         sample.Health
	Problem        string // why it is not up
	Last           time.Time
	Took           time.Duration
	Every, Timeout time.Duration
}

type promTarget struct {
	DiscoveredLabels   map[string]string `json:"discoveredLabels"`
	Labels             map[string]string `json:"labels"`
	ScrapePool         string            `json:"scrapePool"`
	ScrapeURL          string            `json:"scrapeUrl"`
	GlobalURL          string            `json:"globalUrl"`
	LastError          string            `json:"lastError"`
	LastScrape         time.Time         `json:"lastScrape"`
	LastScrapeDuration float64           `json:"lastScrapeDuration"`
	Health             string            `json:"health"`
	ScrapeInterval     string            `json:"scrapeInterval"`
	ScrapeTimeout      string            `json:"scrapeTimeout"`
}

// targets lists the checks; a scrape pool is the checks of a kind. None is ever dropped.
func (s *Server) targets(from Targets) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		all, err := from.CheckTargets(r.Context())
		if err != nil {
			return err
		}
		active := []promTarget{}
		state, pool := strings.ToLower(r.Form.Get("state")), r.Form.Get("scrapePool")
		for _, t := range all {
			if (state == "" || state == "any" || state == "active") && (pool == "" || pool == t.Kind) {
				active = append(active, s.targetAsProm(t))
			}
		}
		return writeQuery(w, map[string]any{"activeTargets": active, "droppedTargets": []any{}, "droppedTargetCounts": map[string]int{}}, nil, nil)
	}
}

func (s *Server) targetAsProm(t Target) promTarget {
	page := s.link("/checks/" + url.PathEscape(t.Check))
	every, timeout := model.Duration(t.Every).String(), model.Duration(t.Timeout).String()
	p := promTarget{
		DiscoveredLabels: map[string]string{"__address__": t.URL, "__scrape_interval__": every, "__scrape_timeout__": timeout},
		Labels:           orEmptyMap(t.Labels), ScrapePool: t.Kind, ScrapeURL: t.URL, GlobalURL: page, Health: t.Health.String(),
		LastError: s.redactor.Redact(t.Problem), LastScrape: t.Last, LastScrapeDuration: t.Took.Seconds(), ScrapeInterval: every, ScrapeTimeout: timeout,
	}
	maps.Copy(p.DiscoveredLabels, p.Labels)
	if p.ScrapeURL == "" {
		p.ScrapeURL = page
	}
	return p
}

func (*Server) scrapePools(from Targets) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		all, err := from.CheckTargets(r.Context())
		if err != nil {
			return err
		}
		pools := []string{}
		for _, t := range all {
			pools = append(pools, t.Kind)
		}
		slices.Sort(pools)
		return writeQuery(w, map[string]any{"scrapePools": slices.Compact(pools)}, nil, nil)
	}
}

// targetsMetadata lists nothing: what a check measures comes without help and unit.
func (*Server) targetsMetadata(w http.ResponseWriter, r *http.Request, _ Caller) error {
	if _, err := countParam(r, "limit"); err != nil {
		return err
	}
	if text := r.Form.Get("match_target"); text != "" {
		if _, err := promParser().ParseMetricSelector(text); err != nil {
			return badData("invalid parameter %q: %w", "match_target", err)
		}
	}
	return writeQuery(w, []any{}, nil, nil)
}

// alertmanagers lists those to which the guardian's alerts are sent.
func (*Server) alertmanagers(from Setup) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		setup, err := from.PromSetup(r.Context())
		if err != nil {
			return err
		}
		active := []map[string]string{}
		for _, address := range setup.Alertmanagers {
			active = append(active, map[string]string{"url": address})
		}
		return writeQuery(w, map[string]any{"activeAlertmanagers": active, "droppedAlertmanagers": []any{}}, nil, nil)
	}
}

// adminless answers what changes the samples: a Prometheus without its admin API says the same.
func (*Server) adminless(http.ResponseWriter, *http.Request, Caller) error {
	return &queryError{"unavailable", fmt.Errorf("admin APIs disabled")}
}
