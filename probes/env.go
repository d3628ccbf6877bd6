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

// withDefaults fills in what a test or a one-off look left out.
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

// masks takes secrets out of what a probe tells: those of its own settings, and all that the
// process knows.
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

// reason takes secrets out of a reason; each text in it is on one line.
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
		for name, text := range v.Labels {
			// What others wrote can stand in labels, too. Labels may be shared between values.
			if masked := m.text(text); masked != text {
				o.Values[i].Labels = maps.Clone(o.Values[i].Labels)
				o.Values[i].Labels[name] = masked
			}
		}
	}
	return o
}

// oneLine gives text on one line, at most limit bytes, not cut inside a character.
func oneLine(text string, limit int) string {
	return shorten(strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " "), limit)
}

// shorten cuts text to at most limit bytes and says so, not inside a character.
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

// round makes a duration readable: three digits or so.
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

// secretsOf collects what of some requests must not be shown: named secrets, header values,
// and user, password and query of the addresses.
func secretsOf(named map[string]secret.Secret, requests []Request, addresses ...string) []secret.Secret {
	var all []secret.Secret
	for _, s := range named {
		all = append(all, s)
	}
	for _, r := range requests {
		addresses = append(addresses, r.URL)
		for name, value := range r.Headers {
			switch strings.ToLower(name) {
			case "accept", "accept-language", "accept-encoding", "cache-control", "content-type", "host", "user-agent":
				// plain words whose masking would hide what one wants to read
			default:
				all = append(all, value)
				// "Bearer abc" is echoed as abc, too.
				if _, token, ok := strings.Cut(value.Reveal(), " "); ok && len(token) >= leastToken {
					all = append(all, secret.New(token))
				}
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
				if len(v) >= leastToken {
					all = append(all, secret.New(v))
				}
			}
		}
	}
	return all
}

// leastToken is the length from which on a value in a query is taken for a secret: "sg",
// "2026" and "true" are not.
const leastToken = 8
