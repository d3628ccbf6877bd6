package sla

import (
	"cmp"
	"slices"
	"time"

	"guardian/probes/sample"
)

// Build computes the report of a period in the time zone loc. A period that is not over is reported
// until now.
//
// Facts of services that Facts.Services does not list are ignored. Facts may extend beyond the
// period: intervals before it show when a downtime really began.
func Build(f Facts, p Period, now time.Time, loc *time.Location) Report {
	from, end := p.Bounds(loc)
	r := Report{Period: p, Zone: loc.String(), From: from, To: end, End: end, Services: []ServiceReport{}}
	if p.IsMonth() {
		r.Month = p.String()
	}
	if now.Before(end) {
		r.Running = true
		r.To = now.In(loc).Round(0)
		if now.Before(from) {
			r.To = from
		}
	}
	days := dayStarts(from, end, loc)
	intervals := map[string][]Interval{}
	for _, i := range f.Intervals {
		intervals[i.Check] = append(intervals[i.Check], i)
	}
	var all tally
	for _, s := range f.Services {
		b := builder{facts: f, service: s, report: &r, days: days, intervals: intervals}
		sr, t := b.build()
		r.Services = append(r.Services, sr)
		all.add(t)
	}
	r.Overall = all.summary(r, days)
	r.Overall.Met = metOverall(r.Services)
	r.Overall.Budget = budgetOverall(r.Services)
	return r
}

// dayStarts returns the start of each calendar day. With daylight saving time, days have 23 to
// 25 hours.
func dayStarts(from, end time.Time, loc *time.Location) []time.Time {
	var days []time.Time
	for d := from; d.Before(end); d = time.Date(d.Year(), d.Month(), d.Day()+1, 0, 0, 0, 0, loc) {
		days = append(days, d)
	}
	return days
}

// builder computes the report of one service.
type builder struct {
	facts     Facts
	service   Service
	report    *Report
	days      []time.Time
	intervals map[string][]Interval // by check
}

func (b builder) build() (ServiceReport, tally) {
	r := b.known()
	checks := make([][]Interval, len(b.service.Checks))
	for i, c := range b.service.Checks {
		checks[i] = ofCheck(b.intervals[c], r)
	}
	windows := b.windows(r)
	pieces := sweep(r, checks, effective(windows), b.days)

	t := newTally(len(b.days))
	for _, p := range pieces {
		t.times.add(p)
		t.days[p.day].times.add(p)
	}
	downtimes := b.downtimes(pieces, checks)
	for _, d := range downtimes {
		for i := range b.days {
			if d.From.Before(dayEnd(b.days, i, b.report.End)) && d.To.After(b.days[i]) {
				t.days[i].downtimes++
			}
		}
	}
	deploys := b.deploys(&t)
	b.runs(&t)

	sr := ServiceReport{
		Name:        b.service.Name,
		Objective:   b.service.Objective,
		Summary:     t.summary(*b.report, b.days),
		Incidents:   incidents(downtimes),
		Downtimes:   downtimes,
		Maintenance: b.windowLines(windows, pieces),
		Deploys:     deploys,
		Checks:      b.checkReports(checks, r),
	}
	if r.from.After(b.report.From) {
		sr.Known = r.from.UTC()
	}
	sr.Met = met(b.service.Objective, t.times)
	sr.Budget = budget(b.service.Objective, t.times, b.report.End.Sub(r.from))
	return sr, t
}

// known is the part of the period since the first look at the service.
func (b builder) known() span {
	r := span{b.report.From, b.report.To}
	first := r.to
	for _, c := range b.service.Checks {
		at, ok := b.facts.Known[c]
		if !ok {
			return r
		}
		if at.Before(first) {
			first = at
		}
	}
	if len(b.service.Checks) > 0 && first.After(r.from) {
		r.from = first.In(r.from.Location())
	}
	return r
}

func dayEnd(days []time.Time, i int, end time.Time) time.Time {
	if i+1 < len(days) {
		return days[i+1]
	}
	return end
}

// window is an announced maintenance window and the part of it that counts.
type window struct {
	Maintenance
	counts span
}

// windows returns the service's maintenance windows within r. A window that was announced after
// its start counts only from the announcement on.
func (b builder) windows(r span) []window {
	var out []window
	for _, m := range b.facts.Maintenance {
		if m.Service != "" && m.Service != b.service.Name {
			continue
		}
		s := span{m.From, m.To}
		if m.Announced.After(s.from) {
			s.from = m.Announced
		}
		if s = s.clip(r); s.length() > 0 {
			out = append(out, window{m, s})
		}
	}
	slices.SortStableFunc(out, func(x, y window) int {
		return cmp.Or(x.counts.from.Compare(y.counts.from), cmp.Compare(x.Name, y.Name))
	})
	return out
}

func effective(windows []window) []span {
	out := make([]span, len(windows))
	for i, w := range windows {
		out[i] = w.counts
	}
	return out
}

func (b builder) windowLines(windows []window, pieces []piece) []Window {
	out := make([]Window, 0, len(windows))
	for _, w := range windows {
		line := Window{
			Name:      w.Name,
			From:      w.counts.from.UTC(),
			To:        w.counts.to.UTC(),
			Announced: w.Announced.UTC(),
			Span:      Span(w.counts.length()),
			Late:      w.Announced.After(w.Maintenance.From),
		}
		for _, p := range pieces {
			if p.health == sample.Down {
				line.Down += Span(max(0, span{p.from, p.to}.clip(w.counts).length()))
			}
		}
		out = append(out, line)
	}
	return out
}

func (b builder) checkReports(checks [][]Interval, r span) []CheckReport {
	out := make([]CheckReport, 0, len(checks))
	for i, list := range checks {
		c, r := CheckReport{Check: b.service.Checks[i]}, r
		if at, ok := b.facts.Known[c.Check]; ok && at.After(r.from) {
			r.from = at
			if at.After(r.to) {
				r.from = r.to
			}
		}
		for _, iv := range list {
			d := Span(span{iv.From, iv.To}.clip(r).length())
			switch iv.Health {
			case sample.Up:
				c.Up += d
			case sample.Down:
				c.Down += d
			case sample.Unknown:
			}
		}
		c.Blind = Span(r.length()) - c.Up - c.Down
		c.Availability = ratio(c.Up, c.Up+c.Down, "up %s of %s seen; not seen for %s", c.Up, c.Up+c.Down, c.Blind)
		out = append(out, c)
	}
	return out
}

// downtimes merges adjacent pieces in which the service was down, and attributes them.
func (b builder) downtimes(pieces []piece, checks [][]Interval) []Downtime {
	out := []Downtime{}
	for i, p := range pieces {
		if p.health != sample.Down {
			continue
		}
		if i == 0 || pieces[i-1].health != sample.Down {
			out = append(out, b.begin(p, checks))
		}
		d := &out[len(out)-1]
		d.To = p.to.UTC()
		d.Span += Span(p.to.Sub(p.from))
		if !p.maintenance {
			d.Counted += Span(p.to.Sub(p.from))
		}
		for _, c := range p.down {
			if name := b.service.Checks[c]; !slices.Contains(d.Checks, name) {
				d.Checks = append(d.Checks, name)
			}
		}
	}
	for i := range out {
		out[i].Open = b.report.Running && out[i].To.Equal(b.report.To)
		b.attribute(&out[i])
	}
	return out
}

// begin starts a downtime at a piece. Its reason is that of the check that went down first.
func (b builder) begin(p piece, checks [][]Interval) Downtime {
	d := Downtime{From: p.from.UTC()}
	began := p.from
	for _, c := range p.down {
		for _, iv := range checks[c] {
			if iv.Health != sample.Down || iv.From.After(p.from) || !iv.To.After(p.from) {
				continue
			}
			if d.Reason.IsZero() || iv.From.Before(began) {
				d.Reason = iv.Reason
			}
			if iv.From.Before(began) {
				began = iv.From
			}
		}
	}
	if began.Before(b.report.From) {
		d.Began = began.UTC()
	}
	for _, m := range b.windows(span{p.from, p.to}) {
		if !m.counts.from.After(p.from) {
			d.Maintenance = m.Name
		}
	}
	return d
}

// watchedFor is how long after a deploy a downtime is attributed to it if its watch is unknown.
const watchedFor = time.Hour

// attribute sets the deploy in whose watch a downtime began, and the rollback during it.
func (b builder) attribute(d *Downtime) {
	began := d.From
	if !d.Began.IsZero() {
		began = d.Began
	}
	var at time.Time
	for _, x := range b.facts.Deploys {
		ends := x.WatchEnds
		if ends.IsZero() {
			ends = x.At.Add(watchedFor)
		}
		if x.Service != b.service.Name || began.Before(x.At) || began.After(ends) || x.At.Before(at) {
			continue
		}
		at = x.At
		d.Deploy, d.Watch, d.Run = x.ID, x.Watch, x.Run
	}
	if d.Run != "" {
		return
	}
	for _, x := range b.facts.Runs {
		if x.Service == b.service.Name && x.Rollback && x.Trigger != triggerDrill &&
			!x.Created.Before(began) && !x.Created.After(d.To) {
			d.Run = x.ID
			return
		}
	}
}
