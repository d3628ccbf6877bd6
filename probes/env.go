package probes

import (
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"guardian/internal/secret"
	"guardian/probes/sample"
)

// withDefaults fills in what a test or a one-off look left out.
func (e Env) withDefaults() Env {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Now == nil {
		e.Now = time.Now //nolint:forbidigo // the outermost default of the injected clock
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

func (m masks) observation(o sample.Observation) sample.Observation {
	o.Reason, o.Detail, o.Version = m.text(o.Reason), m.text(o.Detail), m.text(o.Version)
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
