package server

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"guardian/actions"
	"guardian/watch"
)

type watchDetail struct {
	watchRow
	Chart    chart
	Strength strengthChart
	Timeline []moment
}

// moment is one line of a timeline.
type moment struct {
	At   time.Time
	Text string
	Tone string
	Path string
}

const looksPerCheck = 1000

func (s *Server) watchPage(watches Watches, looks Looks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		v, err := watches.Watch(r.Context(), r.PathValue("id"), 0)
		if err != nil {
			return err
		}
		now, words := s.now(), s.pages.language(r)
		detail := watchDetail{watchRow: newWatchRow(v, now), Timeline: timeline(words, v)}
		from, to := chartTime(v, now)
		looks, err := looks.Looks(r.Context(), v.Deploy.Service, from, to, looksPerCheck)
		if err != nil {
			// The chart is for the reader only: the verdict, the evidence and the buttons must be
			// there without it, also when the service is no longer configured.
			s.log.WarnContext(r.Context(), "watch is shown without its chart", "watch", v.ID, "error", s.redactor.Redact(err.Error()))
		}
		detail.Chart = watchChart(words, v, looks, from, to)
		detail.Strength = strengthChart{chart: detail.Chart, Points: v.Trace, Began: v.Started, Threshold: v.Threshold}
		refresh := 0
		if !v.State.Final() || (v.Rollback != nil && !v.Rollback.State.Final()) {
			refresh = 10
		}
		return s.render(w, r, http.StatusOK, "watch", words.T("watch.title", v.Deploy.Service, v.Deploy.Version), refresh, by, detail)
	}
}

// chartTime shows as much of what was before the deploy as of what came after, within
// bounds, and goes on until the rollback is over.
func chartTime(v Watch, now time.Time) (from, to time.Time) {
	to = now
	if v.State.Final() && !v.Ended.IsZero() {
		to = v.Ended
		if run := v.Rollback; run != nil {
			to = now
			if !run.Ended.IsZero() {
				to = run.Ended
			}
		}
		to = earlier(to.Add(max(to.Sub(v.Started)/10, 30*time.Second)), now)
	}
	switched := earlier(v.Deploy.At, v.Started)
	before := min(max(to.Sub(switched)/2, 2*time.Minute), time.Hour)
	return switched.Add(-before), to
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func watchChart(w locale, v Watch, looks map[string][]Look, from, to time.Time) chart {
	c := chart{From: from, To: to, WatchedFrom: v.Started, WatchedTo: to}
	c.Lines = append(c.Lines, chartLine{At: v.Deploy.At, Label: w.T("line.switch", v.Deploy.Version), Tone: "deploy"})
	if v.State.Final() && !v.Ended.IsZero() {
		c.WatchedTo = v.Ended
		c.Lines = append(c.Lines, chartLine{At: v.Ended, Label: w.T("line.verdict", w.Word("watch", v.State)), Tone: w.Tone(v.State)})
	}
	if run := v.Rollback; run != nil && !run.Started.IsZero() {
		c.Lines = append(c.Lines, chartLine{At: run.Started, Label: w.T("line.run", run.To), Tone: "deploy"})
		if !run.Ended.IsZero() {
			c.Lines = append(c.Lines, chartLine{At: run.Ended, Label: w.T("line.ended", w.Word("run", run.State)), Tone: w.Tone(run.State)})
		}
	}
	slices.SortStableFunc(c.Lines, func(a, b chartLine) int { return a.At.Compare(b.At) })
	seen := map[string]bool{}
	for _, e := range v.Evidence {
		if e.Metric == "alert" || !e.OfLooks() || seen[e.Check] {
			continue
		}
		seen[e.Check] = true
		c.Rows = append(c.Rows, chartRow{Name: e.Check, Note: w.T("watch.failed_of", e.After.Failures, e.After.Looks), Looks: looks[e.Check]})
	}
	return c
}

// NamedOverlaps are the other deploys that the page names.
func (w Watch) NamedOverlaps() []watch.Overlap {
	named, _ := watch.Named(w.Overlaps)
	return named
}

// MoreOverlaps is how many there are besides.
func (w Watch) MoreOverlaps() int {
	_, more := watch.Named(w.Overlaps)
	return more
}

// switched says how it is known when a deploy happened.
func (w locale) switched(d watch.Deploy) string {
	switch d.SwitchedBy {
	case watch.ByOnset:
		return w.T("line.switch_onset", d.Version)
	case watch.ByVersion:
		return w.T("line.switch_version", d.Version)
	case watch.ByTarget:
		return w.T("line.switch_target", d.Version)
	default:
		return w.T("line.switch", d.Version)
	}
}

// timeline lists what happened, oldest first.
func timeline(w locale, v Watch) []moment {
	d := v.Deploy
	list := []moment{{At: d.At, Text: w.switched(d), Tone: "neutral"}}
	if !d.Announced.IsZero() && !d.Announced.Equal(d.At) {
		list = append(list, moment{At: d.Announced, Text: w.T("line.announced", d.Version), Tone: "neutral"})
	}
	list = append(list, moment{At: v.Started, Text: w.T("line.watch"), Tone: "watching"})
	for _, e := range v.Evidence {
		if !e.Since.IsZero() {
			text := w.T("line.fault", e.Check)
			if e.Metric == watch.Latency {
				text = w.T("line.slow", e.Check)
			}
			list = append(list, moment{At: e.Since, Text: text, Tone: "down"})
		}
	}
	if !v.FastPassed.IsZero() {
		list = append(list, moment{At: v.FastPassed, Text: w.T("line.fast"), Tone: "passed"})
	}
	for _, o := range v.Overlaps {
		list = append(list, moment{At: o.At, Text: w.T("line.overlap", o.Service, o.Version), Tone: "neutral", Path: "/services/" + o.Service})
	}
	if v.State.Final() {
		list = append(list, moment{At: v.Ended, Text: w.T("line.verdict", w.Word("watch", v.State)), Tone: string(v.State)})
	} else {
		list = append(list, moment{At: v.Deadline, Text: w.T("line.deadline"), Tone: "neutral"})
	}
	if v.Rollback != nil {
		list = append(list, runMoments(w, *v.Rollback)...)
	}
	list = slices.DeleteFunc(list, func(m moment) bool { return m.At.IsZero() })
	slices.SortStableFunc(list, func(a, b moment) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	return list
}

func runMoments(w locale, run actions.Run) []moment {
	path, undo := "/rollbacks/"+run.ID, run.Kind == string(watch.Operation)
	var list []moment
	if run.State == actions.AwaitingApproval || len(run.Answers) > 0 {
		list = append(list, moment{At: run.Created, Text: w.T("line.asked"), Tone: "awaiting_approval", Path: path})
	}
	for _, a := range run.Answers {
		list = append(list, moment{At: a.At, Text: w.T("line.answered", a.By, w.Word("decision", a.Decision)), Tone: "neutral", Path: path})
	}
	if !run.Started.IsZero() {
		text := w.T("line.run", run.To)
		if undo {
			text = w.T("line.undo")
		}
		list = append(list, moment{At: run.Started, Text: text, Tone: "running", Path: path})
	}
	if run.State.Final() {
		key := "line.ended"
		if undo {
			key = "line.undone"
		}
		list = append(list, moment{At: run.Ended, Text: w.T(key, w.Word("run", run.Standing())), Tone: run.Standing(), Path: path})
	}
	return list
}

func (*Server) cancelForm(watches Watches) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		id := r.PathValue("id")
		if _, err := watches.CancelWatch(r.Context(), id, by); err != nil {
			return err
		}
		back(w, r, "/watches/"+id, "cancel")
		return nil
	}
}

// Decisive tells whether the verdict rests most on this evidence.
func (d watchDetail) Decisive(e watch.Evidence) bool {
	if d.Verdict == nil || d.State != watch.Failed || d.Verdict.Cause != e.Check {
		return false
	}
	return d.Verdict.Metric == "" || d.Verdict.Metric == e.Metric
}

// Worse tells whether more failed after the deploy than before it, as a share, and more than is
// tolerated.
func (d watchDetail) Worse(e watch.Evidence) bool {
	if e.Metric == watch.Latency || e.OfNumber() {
		return false
	}
	after, before := float64(e.After.Failures), float64(e.Before.Failures)
	return e.Excused.IsZero() && e.Before.Looks > 0 && after*float64(e.Before.Looks) > before*float64(e.After.Looks) && after > e.Allowed*float64(e.After.Looks)
}

// AnyWorse tells whether that holds of any check.
func (d watchDetail) AnyWorse() bool { return slices.ContainsFunc(d.Evidence, d.Worse) }

// Slow tells whether evidence is about how long looks take.
func (d watchDetail) Slow(e watch.Evidence) bool { return e.Metric == watch.Latency }
