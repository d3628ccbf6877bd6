package ingest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"guardian/internal/series"
)

// The reasons why samples are rejected: values of the label reason.
const (
	undeclared = "undeclared"
	ownName    = "own_name"
	invalid    = "invalid"
	tooOld     = "too_old"
	tooNew     = "too_new"
	outOfOrder = "out_of_order"
	duplicate  = "duplicate"
	manySeries = "too_many_series"
	noSeries   = "no_series" // of exemplars
	disabled   = "disabled"  // of exemplars
)

// batch collects the points of a request that can be stored, and the rejected ones by reason.
type batch struct {
	names   Names
	limits  Limits
	now     time.Time
	storage Storage

	points    []series.Point
	exemplars []series.Exemplar
	seen      int // number of samples and exemplars in the request
	known     map[string]verdict

	refused          refusals
	exemplarsRefused map[string]int // by reason
}

// verdict is the cached decision whether a metric may be written.
type verdict struct {
	name   string // a copy: the original refers to the body of the request
	reason string // "": it may be written
}

// add adds the series that the decoder has just read. An error rejects the whole request.
func (b *batch) add(d *decoder, c *catalogue) error {
	if b.seen += len(d.samples) + len(d.exemplars); b.seen > b.limits.Samples {
		return tooMany("too many samples", b.limits.Samples)
	}
	if len(d.samples)+len(d.exemplars) == 0 {
		return nil
	}
	l, metric, err := d.labels()
	if err != nil {
		b.refuseAll(d, invalid, err.Error)
		return nil //nolint:nilerr // it is counted as refused; the others are stored
	}
	v := b.verdict(metric)
	switch v.reason {
	case ownName:
		b.refuseAll(d, ownName, func() string {
			return fmt.Sprintf("%s is a metric that the guardian makes itself; rename or drop it in the sender", short(v.name))
		})
		return nil
	case undeclared:
		b.refuseAll(d, undeclared, func() string {
			return fmt.Sprintf("%s is not declared: add it to ingest in the guardian's configuration, or drop it in the sender", short(v.name))
		})
		return nil
	}
	if d.meta.Type != "" {
		c.note(metric, d.meta)
	}
	// A program that writes new series without end costs little, because nothing is made of them.
	if why := b.storage.Admits(l); why != nil {
		reason, known := storedReason(why)
		b.refuse(reason, len(d.samples), func() string { return fmt.Sprintf("%s: %s", shortSeries(l), known) })
		b.refuseExemplars(noSeries, len(d.exemplars))
		return nil
	}
	l = l.Copy()
	b.samples(d.samples, l)
	b.addExemplars(d.exemplars, l)
	return nil
}

// refuseAll refuses a series with all that was sent of it.
func (b *batch) refuseAll(d *decoder, reason string, example func() string) {
	b.refuse(reason, len(d.samples), example)
	b.refuseExemplars(reason, len(d.exemplars))
}

// addExemplars adds the valid exemplars of a series.
func (b *batch) addExemplars(all []exemplarRead, l labels.Labels) {
	for _, e := range all {
		switch from, to := b.window(); {
		case e.wrong != nil:
			b.refuseExemplars(invalid, 1)
		case e.Ts < from:
			b.refuseExemplars(tooOld, 1)
		case e.Ts > to:
			b.refuseExemplars(tooNew, 1)
		default:
			b.exemplars = append(b.exemplars, series.Exemplar{Series: l, Exemplar: e.Exemplar})
		}
	}
}

// refuseExemplars counts exemplars that are not stored. As in Prometheus, no request fails because of them.
func (b *batch) refuseExemplars(reason string, n int) {
	if b.exemplarsRefused == nil {
		b.exemplarsRefused = map[string]int{}
	}
	b.exemplarsRefused[reason] += n
}

// window gives the times of the oldest and the newest sample that is taken, in ms.
func (b *batch) window() (from, to int64) {
	return b.now.Add(-oldest).UnixMilli(), b.now.Add(ahead).UnixMilli()
}

func (b *batch) verdict(metric string) verdict {
	if v, ok := b.known[metric]; ok {
		return v
	}
	v := verdict{name: strings.Clone(metric)}
	switch {
	case b.names.Own(metric):
		v.reason = ownName
	case !b.names.Has(metric):
		v.reason = undeclared
	}
	if b.known == nil {
		b.known = map[string]verdict{}
	}
	b.known[v.name] = v
	return v
}

// samples adds the valid samples of a series. They must be in order of time: the storage drops
// others without an error.
func (b *batch) samples(vs []value, l labels.Labels) {
	from, to := b.window()
	last := int64(math.MinInt64)
	for _, v := range vs {
		p := series.Point{Metric: l, T: v.t, F: v.f}
		switch {
		case v.t < from:
			b.refuseTime(tooOld, "is more than an hour old", p)
			continue
		case v.t > to:
			b.refuseTime(tooNew, "is more than ten minutes in the future: check the clocks", p)
			continue
		case v.t <= last:
			b.refuseTime(outOfOrder, "is not later than the one before it", p)
			continue
		}
		if v.h != nil {
			h, err := floats(v.h)
			if err != nil {
				b.refuse(invalid, 1, func() string { return fmt.Sprintf("a histogram of %s is not valid: %s", shortSeries(l), err) })
				continue
			}
			p.H = h
		}
		last = v.t
		b.points = append(b.points, p)
	}
}

// floats returns a histogram as a float histogram, which PromQL handles like one of integers. One of
// integers is validated as such: its buckets must add up to its count, while those of floats may differ
// by what was rounded.
func floats(h *prompb.Histogram) (*histogram.FloatHistogram, error) {
	if whole := h.ToIntHistogram(); whole != nil {
		if err := whole.Validate(); err != nil {
			return nil, err
		}
	}
	f := h.ToFloatHistogram()
	return f, f.Validate()
}

func (b *batch) refuseTime(reason, why string, p series.Point) {
	b.refuse(reason, 1, func() string { return fmt.Sprintf("the sample of %s at %s %s", shortSeries(p.Metric), at(p.T), why) })
}

// storedReason names why the storage rejected something, and gives the storage's error.
func storedReason(why error) (string, error) {
	for _, r := range []struct {
		err    error
		reason string
	}{
		{series.ErrLate, tooOld},
		{series.ErrOutOfOrder, outOfOrder},
		{series.ErrDuplicate, duplicate},
		{series.ErrTooManySeries, manySeries},
		{series.ErrNoSeries, noSeries},
		{series.ErrNoExemplars, disabled},
	} {
		if errors.Is(why, r.err) {
			return r.reason, r.err
		}
	}
	return invalid, why
}

// refuseStored records that the storage rejected a point.
func (b *batch) refuseStored(p series.Point, why error) {
	reason, known := storedReason(why)
	if reason == invalid {
		b.refuse(invalid, 1, func() string { return fmt.Sprintf("%s: %s", shortSeries(p.Metric), why) })
		return
	}
	b.refuse(reason, 1, func() string { return fmt.Sprintf("%s at %s: %s", shortSeries(p.Metric), at(p.T), known) })
}

// refuse counts samples that are not stored. The example is made of the first of each reason alone.
func (b *batch) refuse(reason string, samples int, example func() string) {
	if samples > 0 {
		b.refused.add(reason, samples, example)
	}
}

func at(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }

func shortSeries(l labels.Labels) string {
	const most = 200
	s := l.String()
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// refusals are the rejected samples of a request by reason, each with an example.
type refusals map[string]refusal

type refusal struct {
	samples int
	example string
}

func (rs refusals) add(reason string, samples int, example func() string) {
	r, ok := rs[reason]
	if !ok {
		r.example = example()
	}
	r.samples += samples
	rs[reason] = r
}

// share gives the share of samples that are refused, of all that were sent.
func (rs refusals) share(sent int) float64 {
	n := 0
	for _, r := range rs {
		n += r.samples
	}
	return float64(n) / float64(max(sent, 1))
}

// err returns the answer to a request with rejected samples. Only for too many series is a
// retry useful.
func (rs refusals) err(stored int) error {
	if len(rs) == 0 {
		return nil
	}
	status := http.StatusBadRequest
	if _, many := rs[manySeries]; many {
		status = http.StatusTooManyRequests
	}
	var texts []string
	for _, reason := range slices.Sorted(maps.Keys(rs)) {
		texts = append(texts, fmt.Sprintf("%d %s (%s)", rs[reason].samples, strings.ReplaceAll(reason, "_", " "), strings.Join(strings.Fields(rs[reason].example), " ")))
	}
	return fail(status, "%d samples were stored and these were not: %s", stored, strings.Join(texts, "; "))
}
