package probes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// FeedSettings configure a check of kind feed: the announcements of a marketplace's
// developers, as RSS, Atom or JSON Feed. Dates of deprecations are read from eBay's elements
// deprecationDate and decommissionDate; of entries without these, from the text: "getOrders will
// be removed on March 27, 2027".
//
//	what happened                                             | health
//	the feed was read                                         | Up
//	an API in use ends sooner than min_remaining, or ended    | Down
//	the feed was not reached, or is not a feed                | Unknown
//
// A feed that cannot be read says nothing about the service: it is Unknown and never Down.
type FeedSettings struct {
	Request      `yaml:",inline"`
	Client       `yaml:",inline"`
	Secrets      map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for url, headers and body as {{.Secrets.name}}."`
	APIs         []string                 `yaml:"apis" doc:"APIs and operations in use: entries are relevant if they contain one of these names, case-insensitively; default: all entries."`
	Words        []string                 `yaml:"words" doc:"Words such as deprecat: entries are relevant if they contain one; default: all entries."`
	NewFor       model.Duration           `yaml:"new_for" doc:"How long after its publication an entry counts as new."`
	MinRemaining model.Duration           `yaml:"min_remaining" doc:"Down when an API in use is decommissioned sooner; 0: never."`
}

// Validate joins every mistake.
func (s *FeedSettings) Validate() error {
	errs := []error{s.Request.validate(""), s.Client.validate(), positive("new_for", s.NewFor)}
	for _, list := range []struct {
		name  string
		words []string
	}{{"apis", s.APIs}, {"words", s.Words}} {
		for i, w := range list.words {
			if strings.TrimSpace(w) == "" {
				errs = append(errs, fmt.Errorf("%s[%d] is empty: it would be found everywhere", list.name, i))
			}
		}
	}
	if s.MinRemaining < 0 {
		errs = append(errs, errors.New("min_remaining is negative"))
	}
	return errors.Join(errs...)
}

func feedKind() Kind {
	return Kind{
		Settings: func() any {
			return &FeedSettings{Client: defaultClient(), NewFor: model.Duration(3 * 24 * time.Hour)}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newFeedProbe(settings.(*FeedSettings), env)
		},
		Repeats: always,
		Templates: func(settings any, labels map[string]string) []Template {
			s := settings.(*FeedSettings)
			return oneRequest(&s.Request, nil, s.Secrets, labels)
		},
		Produces: func(any) []string {
			return []string{"feed_entries", "feed_new_entries", "feed_new_entry_timestamp_seconds", "feed_deprecation_days_left"}
		},
	}
}

const (
	maxFeedEntries = 2000 // of a feed are read, and remembered
	maxFeedNew     = 20   // new entries have series of their own
	maxFeedDates   = 200  // series of days left
	// feedPast is how long an API that has ended is still reported; feeds list some for years.
	feedPast = 30 * 24 * time.Hour
)

type feedProbe struct {
	settings *FeedSettings
	env      Env
	masks    masks
	client   *httpClient
	request  compiledRequest
	// first is when each entry of the last look was published, or first seen if it has no date; the
	// zero time if it was there at the first look. It need not survive a restart: entries with a
	// date stay as new as they are, and those without are not new again.
	first map[string]time.Time
}

func newFeedProbe(s *FeedSettings, env Env) (*feedProbe, error) {
	env = env.withDefaults()
	p := &feedProbe{settings: s, env: env, client: newHTTPClient(s.Client, env, false)}
	p.masks = newMasks(env, secretsOf(s.Secrets, []Request{s.Request}, s.Proxy)...)
	var err error
	if p.request, err = s.Request.compile(); err != nil {
		return nil, fmt.Errorf("feed: %w", p.masks.error(err))
	}
	return p, nil
}

// Close implements Closer.
func (p *feedProbe) Close() error { return p.client.Close() }

// Look reads the feed once.
func (p *feedProbe) Look(ctx context.Context) sample.Observation {
	now := p.env.Now()
	out, err := p.request.fill(newTemplateData(p.env, nil, p.settings.Secrets, now))
	if err != nil {
		return p.masks.observation(sample.Observation{Reason: requestUnfilled(err)})
	}
	x, f := p.client.do(ctx, out)
	var entries []feedEntry
	switch {
	case f != nil:
	case !accepts(nil, x.status):
		f = down(reason.New("http_status", "status", x.status, "want", "2xx"))
	case !x.unread.IsZero():
		f = x.whole()
	default:
		if entries, err = parseFeed(x.body); err != nil {
			f = down(why(err))
		}
	}
	if f != nil {
		return p.masks.observation(sample.Observation{
			Reason: reason.New("feed_unread", "why", f.reason), Detail: p.masks.detail(x),
		})
	}
	fresh := p.remember(entries, now)
	matching := slices.DeleteFunc(entries, func(e feedEntry) bool { return !p.matters(e) })
	dates := p.dates(matching, now)
	o := p.judge(dates)
	o.Values = append(p.values(matching, fresh, now), dateValues(dates)...)
	return p.masks.observation(o)
}

// remember notes when each entry was published or first seen, and returns these times.
func (p *feedProbe) remember(entries []feedEntry, now time.Time) map[string]time.Time {
	came := make(map[string]time.Time, len(entries))
	for _, e := range entries {
		at, known := p.first[e.id]
		switch {
		case known: // even if its date has changed: an edit is not new
		case !e.published.IsZero():
			at = e.published
		case p.first != nil:
			at = now
		}
		came[e.id] = at
	}
	p.first = came
	return came
}

// matters reports whether an entry is about an API in use.
func (p *feedProbe) matters(e feedEntry) bool {
	_, named := p.names(e)
	return named && (len(p.settings.Words) == 0 || slices.ContainsFunc(p.settings.Words, func(w string) bool {
		return strings.Contains(e.text, strings.ToLower(strings.TrimSpace(w)))
	}))
}

// names returns the first API in use that an entry names as a whole word.
func (p *feedProbe) names(e feedEntry) (string, bool) {
	if len(p.settings.APIs) == 0 {
		return "", true
	}
	for _, api := range p.settings.APIs {
		if containsWord(e.text, strings.ToLower(strings.TrimSpace(api))) {
			return api, true
		}
	}
	return "", false
}

// feedDate is when something of an API ends.
type feedDate struct {
	api, method, event, title string
	days                      float64 // to go
}

// dates returns the days left of each API, operation and event; the fewest, if there are several.
func (p *feedProbe) dates(entries []feedEntry, now time.Time) []feedDate {
	var dates []feedDate
	for _, e := range entries {
		api := e.api
		if api == "" {
			api, _ = p.names(e)
		}
		if api == "" {
			api = e.title
		}
		methods := slices.Clone(e.methods)
		if len(methods) == 0 {
			methods = []string{""}
		}
		for _, event := range []struct {
			name string
			at   time.Time
		}{{"deprecation", e.deprecated}, {"decommission", e.decommissioned}} {
			if event.at.IsZero() || now.Sub(event.at) > feedPast {
				continue
			}
			for _, method := range methods {
				d := feedDate{oneLine(api, 100), oneLine(method, 100), event.name, e.title, math.Floor(event.at.Sub(now).Hours()/24*10) / 10}
				i := slices.IndexFunc(dates, func(x feedDate) bool { return x.api == d.api && x.method == d.method && x.event == d.event })
				switch {
				case i >= 0 && d.days < dates[i].days:
					dates[i] = d
				case i < 0:
					dates = append(dates, d)
				}
			}
		}
	}
	slices.SortStableFunc(dates, func(a, b feedDate) int { return int(math.Copysign(1, a.days-b.days)) })
	return dates[:min(len(dates), maxFeedDates)]
}

func (p *feedProbe) judge(dates []feedDate) sample.Observation {
	for _, d := range dates {
		if p.settings.MinRemaining == 0 || d.event != "decommission" || d.days*24 >= time.Duration(p.settings.MinRemaining).Hours() {
			continue
		}
		what := strings.TrimSpace(d.api + " " + d.method)
		if d.days < 0 {
			return sample.Observation{Health: sample.Down, Reason: reason.New("feed_gone", "api", what, "days", math.Round(-d.days), "title", oneLine(d.title, 200))}
		}
		return sample.Observation{Health: sample.Down, Reason: reason.New("feed_ending",
			"api", what, "days", math.Round(d.days), "least", time.Duration(p.settings.MinRemaining), "title", oneLine(d.title, 200))}
	}
	return sample.Observation{Health: sample.Up}
}

func (p *feedProbe) values(matching []feedEntry, came map[string]time.Time, now time.Time) []sample.Value {
	var told []sample.Value
	fresh := 0
	for _, e := range matching {
		at := came[e.id]
		if at.IsZero() || now.Sub(at) >= time.Duration(p.settings.NewFor) {
			continue
		}
		if fresh++; fresh <= maxFeedNew {
			told = append(told, sample.Value{
				Name: "feed_new_entry_timestamp_seconds", V: float64(at.Unix()),
				Labels: map[string]string{"title": oneLine(e.title, 200), "link": oneLine(e.link, 300)},
			})
		}
	}
	return append([]sample.Value{
		{Name: "feed_entries", V: float64(len(came))},
		{Name: "feed_new_entries", V: float64(fresh)},
	}, told...)
}

func dateValues(dates []feedDate) []sample.Value {
	var values []sample.Value
	for _, d := range dates {
		labels := map[string]string{"api": d.api, "event": d.event}
		if d.method != "" {
			labels["method"] = d.method
		}
		values = append(values, sample.Value{Name: "feed_deprecation_days_left", Labels: labels, V: d.days})
	}
	return values
}

// containsWord reports whether word stands in text without ASCII letters or digits right before
// or after it: "orders" is not in "reorders". Both are in lower case.
func containsWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 || word == "" {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if (begin == 0 || !plainWord(text[begin-1]) || !plainWord(word[0])) &&
			(end == len(text) || !plainWord(text[end]) || !plainWord(word[len(word)-1])) {
			return true
		}
		from = begin + 1
	}
}

// plainWord reports whether b is an ASCII letter, digit or underscore. Others do not delimit words:
// Chinese has no blanks between them.
func plainWord(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_' }
