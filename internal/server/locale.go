package server

import (
	"fmt"
	"html/template"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// locale is one language and one time zone, in which a page is rendered.
type locale struct {
	lang  string
	texts map[string]string
	loc   *time.Location
	now   func() time.Time
}

// reader is who reads the page: reasons are rendered for them.
func (w locale) reader() reason.Reader {
	return reason.Reader{Language: w.lang, Location: w.loc, Now: w.now()}
}

// T gives the text of a key, with its arguments; a key without a text gives itself, so that
// a missing text never breaks a page.
func (w locale) T(key string, args ...any) string {
	text, ok := w.texts[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// text is T for templates: with an argument that is HTML the whole becomes HTML, the rest of
// it escaped.
func (w locale) text(key string, args ...any) any {
	mixed := false
	safe := make([]any, len(args))
	for i, arg := range args {
		safe[i] = arg
		if _, ok := arg.(template.HTML); ok {
			mixed = true
		} else if v := reflect.ValueOf(arg); v.Kind() == reflect.String {
			safe[i] = template.HTMLEscapeString(v.String())
		} else if s, ok := arg.(fmt.Stringer); ok {
			safe[i] = template.HTMLEscapeString(s.String())
		}
	}
	if !mixed {
		return w.T(key, args...)
	}
	return template.HTML(w.T(key, safe...)) // our own text, with escaped arguments
}

// Word translates a value of a closed set, such as the state of a watch: what has no
// translation is shown as it is.
func (w locale) Word(set string, value any) string {
	if text, ok := w.texts[set+"."+fmt.Sprint(value)]; ok {
		return text
	}
	return fmt.Sprint(value)
}

// Ago renders a time relative to now, with the exact one in the title.
func (w locale) Ago(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	return w.element(t, w.relative(t))
}

func (w locale) relative(t time.Time) string {
	d := w.now().Sub(t)
	switch {
	case d > -5*time.Second && d < 5*time.Second:
		return w.T("just_now")
	case d < 0:
		return w.T("in", w.Length(-d))
	default:
		return w.T("ago", w.Length(d))
	}
}

// When renders a time of day, with the date unless it is today's.
func (w locale) When(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	return w.element(t, w.clock(t))
}

// Dated is When with the date, also of today: of what is kept, or printed.
func (w locale) Dated(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	return w.element(t, t.In(w.loc).Format(time.DateTime))
}

func (w locale) clock(t time.Time) string {
	t, now := t.In(w.loc), w.now().In(w.loc)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

func (w locale) element(t time.Time, text string) template.HTML {
	exact := t.In(w.loc).Format(time.RFC3339)
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, exact, exact, template.HTMLEscapeString(text))) // escaped
}

// Length renders a duration in its two greatest units.
func (w locale) Length(d time.Duration) string {
	if d < 0 {
		return "−" + w.Length(-d)
	}
	units := []struct {
		key string
		len time.Duration
	}{{"unit.d", 24 * time.Hour}, {"unit.h", time.Hour}, {"unit.min", time.Minute}, {"unit.s", time.Second}}
	for i, u := range units {
		if d < u.len {
			continue
		}
		text := w.T(u.key, int(d/u.len))
		if i < len(units)-1 && u.len > time.Minute || u.len == time.Minute && d < 10*time.Minute {
			if rest := int(d % u.len / units[i+1].len); rest > 0 {
				text += " " + w.T(units[i+1].key, rest)
			}
		}
		return text
	}
	if d >= time.Millisecond {
		return w.T("unit.ms", int(d/time.Millisecond))
	}
	return w.T("unit.s", 0)
}

// Percent renders a share of 1. It never rounds up: 99.9996 % is not 100 %.
func (w locale) Percent(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	const places = 3
	scale := math.Pow(10, places)
	cut := math.Trunc(math.Round(v*100*scale*1e6)/1e6) / scale // the inner rounding heals 0.29*100 = 28.999999999999996
	text := strconv.FormatFloat(cut, 'f', places, 64)
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	return text + "%"
}

// Odds renders how strong evidence is: without a regression, evidence ever reaches e with a
// chance of at most 1/e (Ville). worse: more failed than before, which chance may explain.
func (w locale) Odds(e float64, worse bool) string {
	switch {
	case worse && (math.IsNaN(e) || e < 2):
		return w.T("odds.little")
	case math.IsNaN(e) || e < 2:
		return w.T("odds.none")
	case e >= 1e9:
		return w.T("odds.most")
	default:
		return w.T("odds.some", thousands(int64(e)))
	}
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Mark draws the sign of a health or state: shape and colour both tell, and a word stands
// beside it.
func (w locale) Mark(of any) template.HTML {
	tone := w.Tone(of)
	shapes := map[string]string{
		"good":    `<circle cx="8" cy="8" r="6"/><path d="M5 8.2l2.1 2.1L11 6.2" class="ink"/>`,
		"bad":     `<path d="M8 1.2 15.2 14H.8z"/><path d="M8 6v3.6M8 11.4v.9" class="ink"/>`,
		"warn":    `<path d="M8 .9 15.1 8 8 15.1.9 8z"/><path d="M8 4.6v4.2M8 10.6v.9" class="ink"/>`,
		"busy":    `<circle cx="8" cy="8" r="5.6" class="ring"/><path d="M8 4.6V8l2.4 1.6" class="hand"/>`,
		"neutral": `<circle cx="8" cy="8" r="5.6" class="ring dash"/>`,
	}
	return template.HTML(`<svg class="mark ` + tone + `" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">` + shapes[tone] + `</svg>`) // constant
}

// Tone gives the tone of a health or state: good, bad, warn, busy or neutral.
func (w locale) Tone(of any) string {
	if of == actions.StepPending {
		return "neutral" // a step's turn has not come; a pending alert is on its way
	}
	return toneOf(fmt.Sprint(of))
}

func toneOf(state string) string {
	switch state {
	case "up", "passed", "cured", "done", "delivered", "active", "resolved":
		return "good"
	case "down", "failed", "not_cured", "worse", "critical", "firing":
		return "bad"
	case "inconclusive", "waiting", "awaiting_approval", "warning", "expired", "rejected", "refused", "unseen", "starting", "closed", "degraded", "slow":
		return "warn"
	case "watching", "running", "verifying", "pending", "intent", "announcing", "injecting", "finding", "curing", "restoring":
		return "busy"
	default:
		return "neutral"
	}
}

// Latency renders how long a look took.
func (w locale) Latency(d time.Duration) string {
	if d < time.Second {
		return w.T("unit.ms", int(d.Round(time.Millisecond)/time.Millisecond))
	}
	return fmt.Sprintf("%.1f %s", d.Seconds(), w.T("unit.seconds"))
}

// Counts renders how many checks are up, down and unknown, without those of which there are none.
func (w locale) Counts(up, down, unknown int) string {
	var parts []string
	for _, c := range []struct {
		key string
		n   int
	}{{"count.up", up}, {"count.down", down}, {"count.unknown", unknown}} {
		if c.n > 0 {
			parts = append(parts, w.T(c.key, c.n))
		}
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, " · ")
}
