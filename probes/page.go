package probes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// PageSettings configure a check of kind page: a page in a real Chromium, as a customer sees it.
//
//	what happened                                               | health
//	loaded, elements there, everything within its bounds        | Up
//	status not as wanted, an element missing, a bound exceeded  | Down
//	more errors on the console than allowed                     | Down
//	refused, unknown name, bad certificate, not loaded in time  | Down
//	no Chromium here, or it could not be started, or it crashed | Unknown
//	no network here, proxy not reached                          | Unknown
//
// Each look starts a new browser with an empty profile, which takes a second of CPU time and some
// 200 MiB of memory: once a minute is often.
type PageSettings struct {
	URL              string                   `yaml:"url" doc:"Absolute http or https URL; a template. Its query and user are never shown."`
	Secrets          map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for url as {{.Secrets.name}}."`
	Chromium         string                   `yaml:"chromium" doc:"Path of Chromium or Chrome; default: found on PATH."`
	NoSandbox        bool                     `yaml:"no_sandbox" doc:"Run Chromium without its sandbox, as is necessary as root and in most containers; only for pages that you trust."`
	Insecure         bool                     `yaml:"insecure" doc:"Do not verify certificates."`
	Proxy            string                   `yaml:"proxy" doc:"Proxy as http://, https:// or socks5:// URL without a password."`
	Width            int                      `yaml:"width" doc:"Width of the window in pixels, 200 to 4000."`
	Height           int                      `yaml:"height" doc:"Height of the window in pixels, 200 to 4000."`
	Status           []StatusRange            `yaml:"status" doc:"Accepted status codes of the page itself; default: 2xx."`
	Elements         []string                 `yaml:"elements" doc:"CSS selectors of elements that must be visible within the timeout."`
	WaitAfterLoad    model.Duration           `yaml:"wait_after_load" doc:"How long to measure after the load event, for late content and layout shifts."`
	MaxConsoleErrors *int                     `yaml:"max_console_errors" doc:"Maximum number of errors and uncaught exceptions on the console; default: no limit."`
	MaxLoad          model.Duration           `yaml:"max_load" doc:"Maximum time to the load event; 0: no limit."`
	MaxTTFB          model.Duration           `yaml:"max_ttfb" doc:"Maximum time to first byte; 0: no limit."`
	MaxFCP           model.Duration           `yaml:"max_fcp" doc:"Maximum first contentful paint; 0: no limit."`
	MaxLCP           model.Duration           `yaml:"max_lcp" doc:"Maximum largest contentful paint; 0: no limit."`
	MaxCLS           *float64                 `yaml:"max_cls" doc:"Maximum cumulative layout shift; default: no limit."`
	Screenshots      int                      `yaml:"screenshots" doc:"Number of screenshots of failures to keep, 0 to 100."`
}

// Validate joins every mistake.
func (s *PageSettings) Validate() error {
	r := Request{URL: s.URL}
	c := Client{Proxy: s.Proxy, BodyLimit: 1}
	errs := []error{r.validate(""), c.validate()}
	if u, err := url.Parse(s.Proxy); err == nil && u.User != nil {
		errs = append(errs, errors.New("proxy has a user: Chromium takes none on its command line, and everybody could read it there"))
	}
	for _, side := range []struct {
		name   string
		pixels int
	}{{"width", s.Width}, {"height", s.Height}} {
		if side.pixels < 200 || side.pixels > 4000 {
			errs = append(errs, fmt.Errorf("%s is %d, must be 200 to 4000 pixels", side.name, side.pixels))
		}
	}
	for i, e := range s.Elements {
		if strings.TrimSpace(e) == "" {
			errs = append(errs, fmt.Errorf("elements[%d] is empty: give a CSS selector such as #cart", i))
		}
	}
	if s.MaxConsoleErrors != nil && *s.MaxConsoleErrors < 0 {
		errs = append(errs, fmt.Errorf("max_console_errors is %d, must be at least 0", *s.MaxConsoleErrors))
	}
	for name, d := range map[string]model.Duration{
		"wait_after_load": s.WaitAfterLoad, "max_load": s.MaxLoad, "max_ttfb": s.MaxTTFB, "max_fcp": s.MaxFCP, "max_lcp": s.MaxLCP,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", name))
		}
	}
	if s.MaxCLS != nil && *s.MaxCLS < 0 {
		errs = append(errs, fmt.Errorf("max_cls is %v, must be at least 0", *s.MaxCLS))
	}
	if s.Screenshots < 0 || s.Screenshots > 100 {
		errs = append(errs, fmt.Errorf("screenshots is %d, must be 0 to 100", s.Screenshots))
	}
	return errors.Join(errs...)
}

func pageKind() Kind {
	return Kind{
		Settings: func() any {
			return &PageSettings{Width: 1280, Height: 800, WaitAfterLoad: model.Duration(500 * time.Millisecond), Screenshots: 5}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newPageProbe(settings.(*PageSettings), env)
		},
		Templates: func(settings any, labels map[string]string) []Template {
			s := settings.(*PageSettings)
			return oneRequest(&Request{URL: s.URL}, nil, s.Secrets, labels)
		},
		Produces: func(any) []string {
			return []string{
				"probe_http_status_code", "page_load_seconds", "page_ttfb_seconds", "page_fcp_seconds", "page_lcp_seconds",
				"page_cls", "page_console_errors",
			}
		},
	}
}

type pageProbe struct {
	settings *PageSettings
	env      Env
	masks    masks
	request  compiledRequest
}

func newPageProbe(s *PageSettings, env Env) (*pageProbe, error) {
	env = env.withDefaults()
	p := &pageProbe{settings: s, env: env}
	p.masks = newMasks(env, secretsOf(s.Secrets, []Request{{URL: s.URL}})...)
	var err error
	if p.request, err = (&Request{URL: s.URL}).compile(); err != nil {
		return nil, fmt.Errorf("page: %w", p.masks.error(err))
	}
	return p, nil
}

// visit is what one look at a page found.
type visit struct {
	status  int // 0: no answer
	vitals  *vitals
	console []string // errors, at most consoleKept
	errors  int      // how many there were in all
	picture string   // the file of the screenshot
	output  string   // of Chromium itself, if it did not start
}

// Look starts a browser, loads the page and stops the browser.
func (p *pageProbe) Look(ctx context.Context) sample.Observation {
	out, err := p.request.fill(newTemplateData(p.env, nil, p.settings.Secrets, p.env.Now()))
	if err != nil {
		return p.masks.observation(sample.Observation{Reason: requestUnfilled(err)})
	}
	path, err := p.chromium()
	if err != nil {
		return p.masks.observation(sample.Observation{Reason: why(err)})
	}
	v, f := p.visit(ctx, path, out.url)
	o := observed(f, v.values())
	if f != nil {
		o.Detail = p.detail(v, out.shown())
	}
	return p.masks.observation(o)
}

// chromium returns the path of the browser.
func (p *pageProbe) chromium() (string, error) {
	if p.settings.Chromium != "" {
		path, err := exec.LookPath(p.settings.Chromium)
		if err != nil {
			return "", &reasonError{reason.New("page_chromium_not_found", "path", p.settings.Chromium)}
		}
		return path, nil
	}
	if path, ok := FindChromium(); ok {
		return path, nil
	}
	return "", &reasonError{reason.New("page_no_chromium")}
}

// FindChromium gives the path of Chromium or Chrome, if one of their names is on PATH.
func FindChromium() (path string, ok bool) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// judge returns the first limit that the visit exceeds; nil if there is none.
func (p *pageProbe) judge(v visit) *fault {
	s := p.settings
	if v.vitals != nil {
		for _, bound := range []struct {
			code string
			took *float64
			max  model.Duration
		}{
			{"page_slow_ttfb", v.vitals.TTFB, s.MaxTTFB},
			{"page_slow_fcp", v.vitals.FCP, s.MaxFCP},
			{"page_slow_lcp", v.vitals.LCP, s.MaxLCP},
			{"page_slow_load", v.vitals.Load, s.MaxLoad},
		} {
			if most := time.Duration(bound.max); bound.took != nil && most > 0 && *bound.took > most.Seconds() {
				return down(reason.New(bound.code, "took", time.Duration(*bound.took*float64(time.Second)), "limit", most))
			}
		}
		if s.MaxCLS != nil && v.vitals.CLS > *s.MaxCLS {
			return down(reason.New("page_layout_shift", "got", exact(math.Round(v.vitals.CLS*1000)/1000), "limit", exact(*s.MaxCLS)))
		}
	}
	if s.MaxConsoleErrors != nil && v.errors > *s.MaxConsoleErrors {
		return down(reason.New("page_console_errors", "n", v.errors, "limit", *s.MaxConsoleErrors, "first", v.console[0]))
	}
	return nil
}

func (v visit) values() []sample.Value {
	values := []sample.Value{
		{Name: "probe_http_status_code", V: float64(v.status)},
		{Name: "page_console_errors", V: float64(v.errors)},
	}
	if v.vitals == nil {
		return values
	}
	values = append(values, sample.Value{Name: "page_cls", V: v.vitals.CLS})
	for _, one := range []struct {
		name    string
		seconds *float64
	}{
		{"page_load_seconds", v.vitals.Load},
		{"page_ttfb_seconds", v.vitals.TTFB},
		{"page_fcp_seconds", v.vitals.FCP},
		{"page_lcp_seconds", v.vitals.LCP},
	} {
		if one.seconds != nil {
			values = append(values, sample.Value{Name: one.name, V: *one.seconds})
		}
	}
	return values
}

func (p *pageProbe) detail(v visit, shown string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s\n", shown)
	if v.status != 0 {
		fmt.Fprintf(&b, "status %d\n", v.status)
	}
	if v.picture != "" {
		fmt.Fprintf(&b, "screenshot: %s\n", v.picture)
	}
	for _, line := range v.console {
		fmt.Fprintf(&b, "console: %s\n", line)
	}
	if v.output != "" {
		fmt.Fprintf(&b, "\n%s", printable(v.output))
	}
	return shorten(p.masks.text(b.String()), detailBody)
}
