package replay

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// mostLines is how much of each list the text shows; JSON has all of it.
const mostLines = 60

// Text writes a report for people, in English, with times in a location.
func (r Report) Text(w io.Writer, location *time.Location) error {
	t := &text{location: location}
	t.line("replayed %s to %s with %s: %d evaluations, at most %s apart", t.at(r.From), t.at(r.To), r.Config, r.Evaluations, r.Step)
	if r.Same {
		t.line("nothing differs from what happened: %d alerts, %d watches, %d notices", len(r.Alerts), len(r.Watches), len(r.Notices))
	}
	t.alerts(r.Alerts)
	t.watches(r.Watches)
	t.acts(r.Acts)
	t.counts(r)
	if len(r.Notes) > 0 {
		t.line("\nTo be known")
		t.list(len(r.Notes), func(i int) { t.line("  %s", r.Notes[i]) })
	}
	_, err := io.WriteString(w, t.String())
	return err
}

type text struct {
	strings.Builder
	location *time.Location
}

func (t *text) line(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }

func (t *text) at(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.In(t.location).Format("2006-01-02 15:04:05")
}

func (t *text) list(n int, each func(i int)) {
	for i := range min(n, mostLines) {
		each(i)
	}
	if n > mostLines {
		t.line("  and %d more; --output json has all", n-mostLines)
	}
}

func (t *text) alerts(all []Alert) {
	counts := map[Match]int{}
	var differ []Alert
	for _, a := range all {
		counts[a.Match]++
		if a.Match != Same {
			differ = append(differ, a)
		}
	}
	t.line("\nAlerts: %d as they were, %d at other times, %d that would not have fired, %d that would have as well, %d too short for this step",
		counts[Same], counts[Moved], counts[OnlyThen], counts[OnlyNow], counts[Between])
	t.list(len(differ), func(i int) {
		a := differ[i]
		t.line("  %-9s %-8s %s %s", a.Match, a.Tier, a.Rule, labelText(a.Labels))
		t.line("            then %s, now %s", t.firing(a.Then), t.firing(a.Now))
	})
}

func (t *text) firing(f *Firing) string {
	switch {
	case f == nil:
		return "not"
	case f.Resolved.IsZero():
		return "from " + t.at(f.Fired)
	default:
		return fmt.Sprintf("%s for %s", t.at(f.Fired), f.Resolved.Sub(f.Fired).Round(time.Second))
	}
}

// labelText leaves out what the line says already.
func labelText(labels map[string]string) string {
	var parts []string
	for _, name := range []string{"service", "environment", "check", "marketplace", "shop", "site", "operation"} {
		if v := labels[name]; v != "" {
			parts = append(parts, name+"="+v)
		}
	}
	return strings.Join(parts, " ")
}

func (t *text) watches(all []Watch) {
	counts := map[Match]int{}
	for _, w := range all {
		counts[w.Match]++
	}
	t.line("\nWatches: %d as they were, %d at another time, %d with another end, %d that were not there, %d that would not be",
		counts[Same], counts[Moved], counts[Changed], counts[OnlyNow], counts[OnlyThen])
	t.list(len(all), func(i int) {
		w := all[i]
		t.line("  %-9s %s %s, deployed %s (%s)", w.Match, w.Service, w.Version, t.at(w.At), w.ID)
		t.line("            then %s", t.verdict(w.Then))
		t.line("            now  %s", t.verdict(w.Now))
		if w.Match != Same && w.Now != nil && w.Now.Reason != "" {
			t.line("            %s", w.Now.Reason)
		}
	})
}

func (t *text) verdict(v *Verdict) string {
	if v == nil {
		return "no watch"
	}
	s := string(v.State)
	if !v.At.IsZero() {
		s += " at " + t.at(v.At)
	}
	r := v.Rollback
	if r == nil {
		return s
	}
	switch r.Outcome {
	case RolledBack:
		s += ": rolled back to " + r.To
	case Asked:
		s += ": a person asked to roll back to " + r.To
	case Queued:
		s += ": the rollback to " + r.To + " still waits for another run"
	case Refused:
		s += ": no rollback to " + r.To + ", refused"
	case OnlyTold:
		s += ": only told"
		if r.To != "" {
			s += ", would be rolled back to " + r.To
		}
	}
	if r.State != "" {
		s += ", " + r.State
	}
	if len(r.Reasons) > 0 {
		s += " (" + strings.Join(r.Reasons, "; ") + ")"
	}
	return s
}

func (t *text) acts(all []Act) {
	if len(all) == 0 {
		return
	}
	t.line("\nRunbooks that alerts start: %d", len(all))
	t.list(len(all), func(i int) {
		a := all[i]
		t.line("  %s  %s (%s) for %s %s", t.at(a.At), a.Runbook, a.Mode, a.Alert, labelText(a.Labels))
	})
}

func (t *text) counts(r Report) {
	t.line("\nNotices of alerts, verdicts and blindness: %d, and %d kept quiet", len(r.Notices), r.Quiet)
	for _, c := range r.Counts {
		t.line("  %-20s %-8s then %5d  now %5d", c.Receiver, c.Tier, c.Then, c.Now)
	}
	t.list(len(r.Notices), func(i int) {
		n := r.Notices[i]
		t.line("  %s  %-12s %-8s %s", t.at(n.At), n.Receiver, n.Tier, n.Title)
	})
}
