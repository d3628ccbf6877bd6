package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"guardian/internal/reason"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

// platformQuota calls an operation of a marketplace that only reads, and measures the quota by what
// the marketplace's answers tell.
//
//	the quota is used up, or more of it than allowed  | Down
//	token, key or signature not accepted, no permission | Down: the seller's own calls fail as well
//	it works                                          | Up, with numbers if the marketplace tells any
//	an error of the marketplace or of ours, no answer  | Unknown
//
// It does not renew tokens: most refresh tokens work once, and the seller's systems need them.
type platformQuota struct {
	settings  *QuotaSettings
	env       Env
	masks     masks
	client    *httpClient
	platform  marketplace.Platform
	operation marketplace.Operation
	request   compiledRequest
	throttled float64 // looks that were throttled since the probe was built
}

// platformOperation returns the operation to call.
func (s *QuotaSettings) platformOperation(p marketplace.Platform) (marketplace.Operation, error) {
	name := s.Operation
	if name == "" {
		name = p.SafeRead.Operation
	}
	o, ok := p.Named(name)
	if ok {
		return o, nil
	}
	var names []string
	for _, o := range p.Operations {
		names = append(names, o.Name)
	}
	return o, fmt.Errorf("operation %q of %s is not one of %s", name, p.Title, strings.Join(names, ", "))
}

// platformAddress returns the address of an operation: url, completed if it is the API's base address
// or left out.
func (s *QuotaSettings) platformAddress(p marketplace.Platform, o marketplace.Operation) (string, error) {
	base := s.URL
	if base == "" && !strings.Contains(p.Hosts[0], "{") {
		base = "https://" + p.Hosts[0]
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || base != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https"):
		return "", errors.New("url is not an absolute http or https address")
	case base != "" && strings.Trim(u.Path, "/") != "" && u.Path != p.Root:
		return base, nil
	case base == "" || strings.Contains(o.Path, "{"):
		return "", fmt.Errorf("url must be the whole address of %s of %s, which has names in it: %s", o.Name, p.Title, o.Path)
	}
	u.Path = p.Root + o.Path
	return u.String(), nil
}

func (s *QuotaSettings) validatePlatform() error {
	p, err := marketplace.Find(s.Platform)
	if err != nil {
		return err
	}
	o, err := s.platformOperation(p)
	if err != nil {
		return err
	}
	var errs []error
	if _, err := s.platformAddress(p, o); err != nil {
		errs = append(errs, err)
	} else if o.Method != http.MethodGet && o.Name != p.SafeRead.Operation && s.Body == "" {
		errs = append(errs, fmt.Errorf("operation %s may change something: use %s", o.Name, p.SafeRead.Operation))
	}
	if !s.Seller.Token.IsSet() {
		errs = append(errs, errors.New("seller.token is missing: the access token"))
	}
	if len(s.From) > 0 || len(s.ThrottleStatus) > 0 {
		errs = append(errs, errors.New("from and throttle_status: the platform says what its answers mean; leave them out"))
	}
	r := s.Request
	r.URL = "https://example.com" // which was checked above
	return errors.Join(append(errs, r.validate(""))...)
}

func newPlatformQuota(s *QuotaSettings, env Env) (*platformQuota, error) {
	env = env.withDefaults()
	q := &platformQuota{settings: s, env: env, client: newHTTPClient(s.Client, env, false)}
	q.masks = newMasks(env, append(secretsOf(s.Secrets, []Request{s.Request}, s.Proxy), s.Seller.Secret, s.Seller.Token)...)
	var err error
	if q.platform, err = marketplace.Find(s.Platform); err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	if q.operation, err = s.platformOperation(q.platform); err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	r := s.Request
	if r.URL, err = s.platformAddress(q.platform, q.operation); err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	if q.request, err = r.compile(); err != nil {
		return nil, fmt.Errorf("quota: %w", q.masks.error(err))
	}
	return q, nil
}

// Close implements Closer.
func (q *platformQuota) Close() error { return q.client.Close() }

// Look calls the operation once.
func (q *platformQuota) Look(ctx context.Context) sample.Observation {
	now := q.env.Now()
	out, err := q.request.fill(newTemplateData(q.env, nil, q.settings.Secrets, now))
	if err == nil {
		out, err = platformRequest(q.platform, q.operation, out, q.settings.Seller.account(), now, strings.ToLower(ulid.Make().String()))
	}
	if err != nil {
		return q.observation(marketplace.Meaning{}, sample.Observation{Reason: requestUnfilled(err)}, now)
	}
	x, f := q.client.do(ctx, out)
	if f != nil {
		return q.observation(marketplace.Meaning{}, sample.Observation{
			Reason: reason.New("quota_unread", "why", f.reason), Detail: q.masks.detail(x),
		}, now)
	}
	m := q.platform.Read(marketplace.Answer{
		Operation: q.operation.Name, Method: out.method, Path: pathOf(out.url), Status: x.status, Header: x.header, Body: x.body,
	}, now)
	o := q.judge(m)
	if f := x.whole(); f != nil && o.Health != sample.Down {
		// What refuses a call may stand in the body, with status 200.
		o = sample.Observation{Reason: reason.New("quota_unread", "why", f.reason)}
	}
	if f := remaining(x.expiry, q.settings.TLS.MinRemaining, now); f != nil && o.Health == sample.Up {
		o = sample.Observation{Health: f.health, Reason: f.reason}
	}
	if o.Health != sample.Up {
		o.Detail = q.masks.detail(x)
	}
	return q.observation(m, o, now)
}

func (q *platformQuota) judge(m marketplace.Meaning) sample.Observation {
	switch m.Class {
	case marketplace.Throttled:
		q.throttled++
		var wait time.Duration
		if m.RetryAfter != nil {
			wait = *m.RetryAfter
		}
		return sample.Observation{Health: sample.Down, Reason: reason.New("quota_throttled", "operation", q.operation.Name, "why", m.Why, "wait", wait)}
	case marketplace.CredentialBad, marketplace.Permission:
		return sample.Observation{Health: sample.Down, Reason: m.Why}
	case marketplace.OK, marketplace.Deprecated, marketplace.CredentialExpiring:
	default:
		return sample.Observation{Reason: reason.New("quota_unread", "why", m.Why)}
	}
	for _, r := range m.Quota {
		used, known := r.UsedRatio()
		gone := r.Remaining != nil && *r.Remaining <= 0
		if !gone && (!known || used < q.settings.MaxUsed) {
			continue
		}
		why := reason.New("quota_none_left", "operation", r.Operation, "policy", "", "reset", time.Duration(0))
		if known && !gone {
			why = reason.New("quota_used", "operation", r.Operation, "used", used, "limit", q.settings.MaxUsed, "policy", "", "reset", time.Duration(0))
		}
		return sample.Observation{Health: sample.Down, Reason: why}
	}
	return sample.Observation{Health: sample.Up}
}

// observation adds the series. The label source says where a number comes from; unknown numbers have
// no series.
func (q *platformQuota) observation(m marketplace.Meaning, o sample.Observation, now time.Time) sample.Observation {
	add := func(name string, labels map[string]string, v float64) {
		o.Values = append(o.Values, sample.Value{Name: name, Labels: labels, V: v})
	}
	add("marketplace_throttled_total", map[string]string{"operation": q.operation.Name, "source": string(q.platform.Usage)}, q.throttled)
	seen := map[[2]string]bool{}
	for _, r := range m.Quota {
		key := [2]string{r.Operation, r.Policy}
		if seen[key] {
			continue
		}
		seen[key] = true
		labels := map[string]string{"operation": r.Operation, "source": string(r.Source)}
		if r.Policy != "" {
			labels["policy"] = r.Policy
		}
		if r.PerSecond {
			labels["policy"] = "per_second"
		}
		if r.Limit != nil {
			add("marketplace_quota_limit", labels, *r.Limit)
		}
		if r.Remaining != nil {
			add("marketplace_quota_remaining", labels, *r.Remaining)
		}
		if used, ok := r.UsedRatio(); ok {
			add("marketplace_quota_used_ratio", labels, used)
		}
		if r.ResetAt != nil {
			add("marketplace_quota_reset_seconds", labels, max(r.ResetAt.Sub(now), 0).Seconds())
		}
	}
	if m.Expires != nil {
		add("marketplace_credential_remaining_seconds", nil, max(m.Expires.Sub(now), 0).Seconds())
	}
	return q.masks.observation(o)
}

// pathOf returns an address's path, which tells the operation and the API version.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}
