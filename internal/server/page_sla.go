package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/fastcache"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/sla"
	"guardian/watch"
)

// reportCache keeps rendered fragments of the report: making one reads a month of facts. It
// is never the record of anything, and may forget at any time.
type reportCache struct {
	cache   *fastcache.Cache
	metrics *metrics
}

// cacheSize is that of the cache of rendered fragments, in bytes: what fastcache allocates at least.
const cacheSize = 32 << 20

func newReportCache(m *metrics) *reportCache {
	return &reportCache{cache: fastcache.New(cacheSize), metrics: m}
}

func (c *reportCache) close() { c.cache.Reset() }

// get gives the fragment of a key, or makes and keeps it. Fragments are larger than the
// 64 KiB that fastcache keeps in one piece, hence the Big calls.
func (c *reportCache) get(key string, render func() ([]byte, error)) ([]byte, error) {
	if kept := c.cache.GetBig(nil, []byte(key)); len(kept) > 0 {
		c.metrics.cache.WithLabelValues("hit").Inc()
		return kept, nil
	}
	c.metrics.cache.WithLabelValues("miss").Inc()
	made, err := render()
	if err == nil {
		c.cache.SetBig([]byte(key), made)
	}
	return made, err
}

type slaView struct {
	Period, Prev, Next   sla.Period
	Month, Quarter, Year sla.Period // that the period ends in
	First, Last          string     // its days
	HasNext              bool
	Service              string
	Services             []string
	NotWell              []Service // of those that are shown, now
	Running              bool
	Fragment             template.HTML
	Scores               []watch.Score
}

// reportForm is which report is asked for, in which form.
type reportForm struct {
	period  sla.Period
	service string // "": all
	form    string // html/en, html/zh, json or csv
}

// reportAsked reads which report is asked for.
func (s *Server) reportAsked(r *http.Request, form string) (reportForm, error) {
	q := r.URL.Query()
	f := reportForm{period: sla.MonthOf(s.now().In(s.options.Location)), service: q.Get("service"), form: form}
	text, field := q.Get("period"), "?period"
	if month := q.Get("month"); text == "" && month != "" {
		text, field = month, "?month"
	}
	if from, to := q.Get("from"), q.Get("to"); text == "" && from+to != "" {
		text, field = cmp.Or(from, to)+".."+cmp.Or(to, from), "?from"
	}
	if text != "" {
		p, err := sla.ParsePeriod(text)
		if err != nil {
			return f, &InvalidError{Fields: []FieldError{{field, err.Error()}}}
		}
		f.period = p
	}
	return f, nil
}

// report gives a report in one form out of the cache.
func (s *Server) report(ctx context.Context, from Reports, f reportForm, write func(sla.Report, *bytes.Buffer) error) ([]byte, error) {
	revision, err := from.FactsRevision(ctx, f.period)
	if err != nil {
		return nil, err
	}
	key := strings.Join([]string{f.period.String(), f.service, f.form, revision}, "\x00")
	return s.reports.get(key, func() ([]byte, error) {
		report, err := from.Report(ctx, f.period, f.service)
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		err = write(report, &out)
		return out.Bytes(), err
	})
}

// reportHTML gives the part of a page that is the report.
func (s *Server) reportHTML(ctx context.Context, reports Reports, f reportForm, words locale) ([]byte, error) {
	return s.report(ctx, reports, f, func(report sla.Report, out *bytes.Buffer) error {
		reader := words.reader()
		reader.Now = time.Time{} // it is kept for later days: times are told with their date
		return s.pages.sets[words.lang]["sla"].ExecuteTemplate(out, "report", reason.Translate(reader, report))
	})
}

func (s *Server) slaPage(reports Reports, services Services, scores Scores) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		words := s.pages.language(r)
		f, err := s.reportAsked(r, "html/"+words.lang)
		if err != nil {
			return err
		}
		body, err := s.reportHTML(r.Context(), reports, f, words)
		if err != nil {
			return err
		}
		all, err := services.ServiceList(r.Context())
		if err != nil {
			return err
		}
		now := s.now()
		begin, end := f.period.Bounds(s.options.Location)
		last := end.Add(-time.Nanosecond)
		v := slaView{
			Period: f.period, Prev: f.period.Add(-1), Next: f.period.Add(1), HasNext: !now.Before(end), Service: f.service,
			Month: sla.MonthOf(last), Quarter: sla.QuarterOf(last), Year: sla.YearOf(last),
			Running: !now.Before(begin) && now.Before(end), Fragment: template.HTML(body), // rendered by html/template
		}
		v.First, v.Last = f.period.Dates()
		for _, one := range all {
			v.Services = append(v.Services, one.Name)
			if v.Running && one.State() != sample.Up.String() && (f.service == "" || f.service == one.Name) {
				v.NotWell = append(v.NotWell, one)
			}
		}
		if v.Scores, err = scores.Score(r.Context(), f.service, begin, end); err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "sla", words.T("sla.title", words.period(f.period)), 0, by, v)
	}
}

func (s *Server) slaJSON(from Reports) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := s.reportAsked(r, "json")
		if err != nil {
			return err
		}
		body, err := s.report(r.Context(), from, f, func(report sla.Report, out *bytes.Buffer) error {
			return json.NewEncoder(out).Encode(reason.Translate(reason.Reader{}, report))
		})
		if err != nil {
			return err
		}
		return writeReport(w, "application/json", body)
	}
}

func (s *Server) slaCSV(from Reports) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := s.reportAsked(r, "csv")
		if err != nil {
			return err
		}
		body, err := s.report(r.Context(), from, f, func(report sla.Report, out *bytes.Buffer) error { return report.CSV(out) })
		if err != nil {
			return err
		}
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="sla-%s.csv"`, f.period))
		return writeReport(w, "text/csv; charset=utf-8", body)
	}
}

func writeReport(w http.ResponseWriter, kind string, body []byte) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body)
	return nil
}

// period is a period as people write it.
func (w locale) period(p sla.Period) string {
	if p.Kind() == "days" {
		first, last := p.Dates()
		return w.T("sla.days_of", first, last)
	}
	return p.String()
}

// Strip draws one bar for each of the total days: full is a day that was up; what is missing
// from above is the share that was down, at least a visible notch. The days to come have a place too.
func (w locale) Strip(days []sla.Day, total int) template.HTML {
	const slot, bar, height, notch = 10.0, 7.0, 36.0, 5.0
	total = max(total, len(days))
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, `<svg class="strip" viewBox="0 0 %.0f %.0f" preserveAspectRatio="none" role="img" aria-label="%s">`, slot*float64(max(total, 1)), height, html.EscapeString(w.T("sla.strip")))
	for i := range total {
		x := float64(i)*slot + (slot-bar)/2
		if i >= len(days) || days[i].Times.Wall <= 0 {
			_, _ = fmt.Fprintf(&b, `<rect class="future" x="%.1f" y="%.1f" width="%.0f" height="2"/>`, x, height-2, bar)
			continue
		}
		t := days[i].Times
		_, _ = fmt.Fprintf(&b, `<g><title>%s</title>`, html.EscapeString(w.T("sla.day", days[i].Date, w.span(t.Up), w.span(t.Down), w.span(t.Blind), w.span(t.Maintenance))))
		y := 0.0
		part := func(class string, length sla.Span, least float64) {
			if length > 0 {
				h := min(max(height*length.Seconds()/t.Wall.Seconds(), least), height-y)
				_, _ = fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.0f" height="%.1f"/>`, class, x, y, bar, h)
				y += h
			}
		}
		part("down", t.Down, notch)
		part("blind", t.Blind, 3)
		part("maintenance", t.Maintenance, 3)
		if t.Up > 0 {
			_, _ = fmt.Fprintf(&b, `<rect class="up" x="%.1f" y="%.1f" width="%.0f" height="%.1f"/>`, x, y, bar, height-y)
		}
		b.WriteString(`</g>`)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // escaped
}

func (w locale) span(s sla.Span) string { return w.Length(s.Duration()) }
