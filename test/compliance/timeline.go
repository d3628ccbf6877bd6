package compliance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Timeline notes what is shown and sent, as the cases write it.
type Timeline struct {
	Began time.Time

	last  string
	shown []string
	sent  []sending
	place map[string]int // of what was sent before
}

// sending is what was sent, with the times at which it was.
type sending struct {
	what string
	at   []time.Duration
}

// Alert is an alert that is shown.
type Alert struct {
	Labels, Annotations       map[string]string
	State                     string
	Value                     float64
	ActiveAt, KeepFiringSince time.Time
}

// Posted is an alert that an Alertmanager is sent.
type Posted struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
}

// Describe writes an alert that is shown.
func (l *Timeline) Describe(a Alert) string {
	text := fmt.Sprintf("%s %s %s since %s", named(a.Labels), a.State, strconv.FormatFloat(a.Value, 'g', 6, 64), l.since(a.ActiveAt))
	if !a.KeepFiringSince.IsZero() {
		text += " kept since " + l.since(a.KeepFiringSince)
	}
	return text + Annotated(a.Annotations)
}

// Show notes what is shown at a time, if it is not what was shown before.
func (l *Timeline) Show(at time.Duration, lines []string) {
	if len(lines) == 0 {
		lines = []string{"nothing"}
	}
	text := strings.Join(lines, "\n")
	if text == l.last {
		return
	}
	l.last = text
	for _, line := range lines {
		l.shown = append(l.shown, Span(at)+" "+strings.Join(strings.Fields(line), " "))
	}
}

// Shown lists what was shown.
func (l *Timeline) Shown() []string { return l.shown }

// Send notes an alert that was sent.
func (l *Timeline) Send(at time.Time, a Posted) {
	state, ends := "resolved", "ended "+l.since(a.EndsAt)
	if a.EndsAt.After(at) {
		state, ends = "firing", "ends +"+Span(a.EndsAt.Sub(at).Round(time.Second))
	}
	what := fmt.Sprintf("%s %s starts %s %s%s", named(a.Labels), state, l.since(a.StartsAt), ends, Annotated(a.Annotations))
	i, ok := l.place[what]
	if !ok {
		i = len(l.sent)
		if l.place == nil {
			l.place = map[string]int{}
		}
		l.place[what] = i
		l.sent = append(l.sent, sending{what: what})
	}
	l.sent[i].at = append(l.sent[i].at, at.Sub(l.Began).Truncate(time.Second))
}

// Sent lists what was sent, each with all of its times; what was sent at the same time first is in
// the order of its text.
func (l *Timeline) Sent() []string {
	slices.SortStableFunc(l.sent, func(a, b sending) int {
		if a.at[0] != b.at[0] {
			return int(a.at[0] - b.at[0])
		}
		return strings.Compare(a.what, b.what)
	})
	l.place = nil
	var lines []string
	for _, s := range l.sent {
		lines = append(lines, times(s.at)+" "+s.what)
	}
	return lines
}

func times(at []time.Duration) string {
	even := len(at) > 2
	for i := 2; i < len(at); i++ {
		even = even && at[i]-at[i-1] == at[1]-at[0]
	}
	if even {
		return fmt.Sprintf("%s to %s each %s", Span(at[0]), Span(at[len(at)-1]), Span(at[1]-at[0]))
	}
	all := make([]string, len(at))
	for i, one := range at {
		all[i] = Span(one)
	}
	return strings.Join(all, ", ")
}

// since gives a time as one since the beginning, in tenths of a second: a rule may be evaluated some
// hundredths after a sample arrived.
func (l *Timeline) since(at time.Time) string {
	return Span(at.Sub(l.Began).Truncate(time.Second / 10))
}

// Span writes a duration without the parts that are zero.
func Span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// Lines gives the lines of a case's text; how they are aligned does not count.
func Lines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// named writes labels as PromQL does, with the alert's name in front.
func named(of map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if name != "alertname" {
			pairs = append(pairs, fmt.Sprintf("%s=%q", name, of[name]))
		}
	}
	return of["alertname"] + "{" + strings.Join(pairs, ", ") + "}"
}

// Annotated writes annotations.
func Annotated(as map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(as)) {
		fmt.Fprintf(&text, " | %s: %s", name, strings.Join(strings.Fields(as[name]), " "))
	}
	return text.String()
}
