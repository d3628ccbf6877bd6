package probes

import (
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// withDefaults sets defaults for the fields that are not set.
func (e Env) withDefaults() Env {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.UserAgent == "" {
		e.UserAgent = "guardian"
	}
	return e
}

// masks redacts what a probe returns: the secrets of its own settings, and all that the process
// knows.
type masks struct {
	own, all *secret.Redactor
}

func newMasks(env Env, secrets ...secret.Secret) masks {
	own := &secret.Redactor{}
	own.Learn(secrets...)
	return masks{own: own, all: env.Redactor}
}

func (m masks) text(s string) string { return m.all.Redact(m.own.Redact(s)) }

func (m masks) error(err error) error { return m.all.Error(m.own.Error(err)) }

// maxReasonText is the most bytes of one text in a reason.
const maxReasonText = 1 << 10

// reason redacts a reason, and puts each text in it on one line.
func (m masks) reason(r reason.Reason) reason.Reason {
	if r.IsZero() {
		return r
	}
	return r.Redact(func(s string) string { return oneLine(m.text(s), maxReasonText) })
}

func (m masks) observation(o sample.Observation) sample.Observation {
	o.Reason = m.reason(o.Reason)
	o.Detail, o.Version = m.text(o.Detail), m.text(o.Version)
	for i, v := range o.Values {
		o.Values[i].Labels = m.labels(v.Labels)
		if v.Exemplar != nil {
			v.Exemplar.Labels = m.labels(v.Exemplar.Labels)
		}
	}
	return o
}

// labels masks labels, which can hold text of other systems too, and may be shared between values.
func (m masks) labels(l map[string]string) map[string]string {
	out, own := l, false
	for name, text := range l {
		masked := m.text(text)
		if masked == text {
			continue
		}
		if !own {
			out, own = maps.Clone(l), true
		}
		out[name] = masked
	}
	return out
}

// oneLine puts text on one line of at most limit bytes; it does not cut inside a character.
func oneLine(text string, limit int) string {
	return shorten(strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " "), limit)
}

// shorten cuts text to at most limit bytes, with "…" at the end; it does not cut inside a character.
func shorten(text string, limit int) string {
	const more = "…"
	if len(text) <= limit {
		return text
	}
	cut := limit - len(more)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

// round rounds a duration to about three digits.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Minute:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	default:
		return d.Round(time.Millisecond)
	}
}

// secretsOf collects the secrets of requests: named secrets, header values, and passwords and
// query values of addresses.
func secretsOf(named map[string]secret.Secret, requests []Request, addresses ...string) []secret.Secret {
	var all []secret.Secret
	for _, s := range named {
		all = append(all, s)
	}
	for _, r := range requests {
		addresses = append(addresses, r.URL)
		for name, value := range r.Headers {
			if !secret.HeaderValue(name, value.Reveal()) {
				continue // to redact it would make the detail unreadable
			}
			all = append(all, value)
			// "Bearer abc" may be echoed as abc.
			if _, token, ok := strings.Cut(value.Reveal(), " "); ok && len(token) >= minSecretLength {
				all = append(all, secret.New(token))
			}
		}
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		if password, ok := u.User.Password(); ok {
			all = append(all, secret.New(password))
		}
		for _, values := range u.Query() {
			for _, v := range values {
				if len(v) >= minSecretLength {
					all = append(all, secret.New(v))
				}
			}
		}
	}
	return all
}

// minSecretLength is the shortest query value that is treated as a secret; "sg", "2026" and
// "true" are not.
const minSecretLength = 8
