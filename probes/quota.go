package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

// QuotaSettings configure a check of kind quota: one cheap request whose answer tells how much of
// the marketplace's quota is used.
type QuotaSettings struct {
	Request        `yaml:",inline"`
	Client         `yaml:",inline"`
	Platform       string                   `yaml:"platform" doc:"Call this marketplace, such as shopee, with its cheap read, signature and meaning of answers; url is the API's base URL, or the complete URL if it contains IDs."`
	Seller         Seller                   `yaml:"seller" doc:"The seller's account and application at the marketplace."`
	Secrets        map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for url, headers and body as {{.Secrets.name}}."`
	Operation      string                   `yaml:"operation" doc:"The marketplace's name of the operation, such as getOrder, for the label operation; default with platform: the cheap read."`
	From           []QuotaHeaders           `yaml:"from" doc:"Headers to read; default: all well-known ones."`
	MaxUsed        float64                  `yaml:"max_used" doc:"Down when at least this share of a quota is used, more than 0 and at most 1; 1: Down only when it is exhausted."`
	ThrottleStatus []StatusRange            `yaml:"throttle_status" doc:"Status codes that mean throttled; default: 429."`
}

// QuotaHeaders name the headers of one quota.
type QuotaHeaders struct {
	Policy    string  `yaml:"policy" doc:"The quota's name: the label policy."`
	UsedSize  string  `yaml:"used_size" doc:"Header with used/size, such as X-Shopify-Shop-Api-Call-Limit: 32/40."`
	Limit     string  `yaml:"limit" doc:"Header with the limit."`
	Remaining string  `yaml:"remaining" doc:"Header with the remaining calls."`
	Used      string  `yaml:"used" doc:"Header with the used calls."`
	Reset     string  `yaml:"reset" doc:"Header with the time of the reset: seconds, epoch seconds, epoch milliseconds or a date."`
	Size      float64 `yaml:"size" doc:"The limit, if no header has it."`
}

// Validate joins every mistake.
func (s *QuotaSettings) Validate() error {
	errs := []error{s.Client.validate()}
	if s.Platform != "" {
		errs = append(errs, s.validatePlatform())
	} else {
		errs = append(errs, s.Request.validate(""))
	}
	if s.Operation == "" && s.Platform == "" {
		errs = append(errs, errors.New("operation is missing: name what is called, such as getOrder"))
	}
	if s.MaxUsed <= 0 || s.MaxUsed > 1 {
		errs = append(errs, fmt.Errorf("max_used is %v, must be over 0 and at most 1", s.MaxUsed))
	}
	for i, f := range s.From {
		if err := f.source().Validate(); err != nil {
			errs = append(errs, fmt.Errorf("from[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (f QuotaHeaders) source() marketplace.Source {
	return marketplace.Source{
		Policy: f.Policy, UsedSize: f.UsedSize, Limit: f.Limit, Remaining: f.Remaining, Used: f.Used, Reset: f.Reset, Size: f.Size,
	}
}

func quotaKind() Kind {
	return Kind{
		Settings: func() any { return &QuotaSettings{Client: defaultClient(), MaxUsed: 1} },
		Build: func(settings any, env Env) (Probe, error) {
			if s := settings.(*QuotaSettings); s.Platform != "" {
				return newPlatformQuota(s, env)
			}
			return newQuotaProbe(settings.(*QuotaSettings), env)
		},
		Active: true,
		Templates: func(settings any, labels map[string]string) []Template {
			s := settings.(*QuotaSettings)
			return oneRequest(&s.Request, nil, s.Secrets, labels)
		},
		Produces: func(any) []string {
			return []string{
				"marketplace_quota_limit", "marketplace_quota_remaining", "marketplace_quota_used_ratio",
				"marketplace_quota_reset_seconds", "marketplace_throttled_total", "marketplace_credential_remaining_seconds",
			}
		},
	}
}

type quotaProbe struct {
	settings  *QuotaSettings
	env       Env
	masks     masks
	client    *httpClient
	request   compiledRequest
	sources   []marketplace.Source
	throttled float64 // looks that were throttled since the probe was built
}

func newQuotaProbe(s *QuotaSettings, env Env) (*quotaProbe, error) {
	env = env.withDefaults()
	p := &quotaProbe{settings: s, env: env, client: newHTTPClient(s.Client, env, false)}
	p.masks = newMasks(env, secretsOf(s.Secrets, []Request{s.Request}, s.Proxy)...)
	for _, f := range s.From {
		p.sources = append(p.sources, f.source())
	}
	var err error
	if p.request, err = s.Request.compile(); err != nil {
		return nil, fmt.Errorf("quota: %w", p.masks.error(err))
	}
	return p, nil
}

// Close implements Closer.
func (p *quotaProbe) Close() error { return p.client.Close() }

// Look measures the quota and nothing else: if the target does not answer, or its answer has no
// quota, the look is Unknown. A check of kind http finds out whether the target is down.
func (p *quotaProbe) Look(ctx context.Context) sample.Observation {
	now := p.env.Now()
	out, err := p.request.fill(newTemplateData(p.env, nil, p.settings.Secrets, now))
	if err != nil {
		return p.masks.observation(p.observation(nil, sample.Observation{Reason: requestUnfilled(err)}))
	}
	x, f := p.client.do(ctx, out)
	if x.status == 0 {
		// With a status there are headers, and the body does not matter.
		return p.masks.observation(p.observation(nil, sample.Observation{
			Reason: reason.New("quota_unread", "why", f.reason), Detail: p.masks.detail(x),
		}))
	}
	quotas := marketplace.Quotas(x.header, p.sources, now)
	o := p.judge(x, quotas, now)
	if f := remaining(x.expiry, p.settings.TLS.MinRemaining, now); f != nil && o.Health == sample.Up {
		o = sample.Observation{Health: f.health, Reason: f.reason}
	}
	if o.Health != sample.Up {
		o.Detail = p.masks.detail(x)
	}
	return p.masks.observation(p.observation(quotas, o))
}

func (p *quotaProbe) judge(x exchange, quotas []marketplace.Quota, now time.Time) sample.Observation {
	throttle := p.settings.ThrottleStatus
	if len(throttle) == 0 {
		throttle = []StatusRange{{From: http.StatusTooManyRequests, To: http.StatusTooManyRequests}}
	}
	if accepts(throttle, x.status) {
		p.throttled++
		wait, _ := marketplace.RetryAfter(x.header.Get("Retry-After"), now)
		return sample.Observation{Health: sample.Down, Reason: reason.New("quota_throttled",
			"operation", p.settings.Operation, "why", reason.New("quota_throttled_status", "status", x.status), "wait", wait)}
	}
	if len(quotas) == 0 {
		came := slices.Sorted(maps.Keys(x.header))
		return sample.Observation{Reason: reason.New("quota_no_header", "status", x.status, "headers", oneLine(strings.Join(came, ", "), 400))}
	}
	for _, q := range quotas {
		used, known := q.UsedRatio()
		// A quota of which nothing is left is used up even if its limit is not known.
		gone := q.Remaining != nil && *q.Remaining <= 0
		if known && used >= p.settings.MaxUsed || gone {
			var reset time.Duration
			if q.Reset != nil {
				reset = *q.Reset
			}
			why := reason.New("quota_none_left", "operation", p.settings.Operation, "policy", oneLine(q.Policy, 60), "reset", reset)
			if known && !gone {
				why = reason.New("quota_used", "operation", p.settings.Operation, "used", used, "limit", p.settings.MaxUsed,
					"policy", oneLine(q.Policy, 60), "reset", reset)
			}
			return sample.Observation{Health: sample.Down, Reason: why}
		}
	}
	return sample.Observation{Health: sample.Up}
}

// observation adds the series. If several quotas have the same name, the first counts.
func (p *quotaProbe) observation(quotas []marketplace.Quota, o sample.Observation) sample.Observation {
	labels := map[string]string{"operation": p.settings.Operation, "source": "header"}
	o.Values = append(o.Values, sample.Value{Name: "marketplace_throttled_total", Labels: labels, V: p.throttled})
	seen := map[string]bool{}
	for _, q := range quotas {
		if seen[q.Policy] {
			continue
		}
		seen[q.Policy] = true
		of := labels
		if q.Policy != "" {
			of = maps.Clone(labels)
			of["policy"] = q.Policy
		}
		add := func(name string, v float64) {
			o.Values = append(o.Values, sample.Value{Name: name, Labels: of, V: v})
		}
		if q.Limit != nil {
			add("marketplace_quota_limit", *q.Limit)
		}
		if q.Remaining != nil {
			add("marketplace_quota_remaining", *q.Remaining)
		}
		if used, ok := q.UsedRatio(); ok {
			add("marketplace_quota_used_ratio", used)
		}
		if q.Reset != nil {
			add("marketplace_quota_reset_seconds", q.Reset.Seconds())
		}
	}
	return o
}
