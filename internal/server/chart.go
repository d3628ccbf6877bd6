package server

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"time"

	"guardian/probes/sample"
)

// chart is what the checks saw over a time: one band per check, one upright line per event.
type chart struct {
	From, To time.Time
	Rows     []chartRow
	Lines    []chartLine
	// Watched is the shaded time between the deploy and the verdict or now.
	WatchedFrom, WatchedTo time.Time
}

type chartRow struct {
	Name  string
	Note  string
	Looks []Look
}

type chartLine struct {
	At    time.Time
	Label string
	Tone  string // deploy, bad, good, busy, neutral
}

// The measures of a chart, in units of its view box: pixels at the size that it is made for.
const (
	rowHeight  = 66
	plotTop    = 24 // of a row: the name stands above
	plotHeight = 32
	labelLine  = 15 // height of one line of event labels
	axisHeight = 22
	sidePad    = 6
)

// Chart draws it twice, for a wide page and for a phone; the style sheet shows one of them.
func (w locale) Chart(c chart) template.HTML {
	if !c.To.After(c.From) || len(c.Rows) == 0 {
		return template.HTML(`<p class="quiet">` + html.EscapeString(w.T("chart.empty")) + `</p>`) // escaped
	}
	return template.HTML(`<div class="chart wide">` + w.draw(c, 1000) + `</div><div class="chart narrow">` + w.draw(c, 340) + `</div>`) // escaped by draw
}

type pen struct {
	strings.Builder
	c     chart
	width float64
}

func (p *pen) add(format string, args ...any) { _, _ = fmt.Fprintf(&p.Builder, format, args...) }

func (p *pen) x(t time.Time) float64 {
	share := float64(t.Sub(p.c.From)) / float64(p.c.To.Sub(p.c.From))
	return sidePad + min(max(share, 0), 1)*(p.width-2*sidePad)
}

func (w locale) draw(c chart, width int) string {
	p := &pen{c: c, width: float64(width)}
	labels, lanes := layLabels(p, c.Lines, width)
	top := float64(lanes*labelLine + 4)
	height := top + float64(len(c.Rows)*rowHeight) + axisHeight
	p.add(`<svg viewBox="0 0 %d %.0f" role="img" aria-label="%s">`, width, height, html.EscapeString(w.describe(c)))
	if c.WatchedTo.After(c.WatchedFrom) {
		p.add(`<rect class="watched" x="%.1f" y="%.0f" width="%.1f" height="%d"/>`, p.x(c.WatchedFrom), top, max(p.x(c.WatchedTo)-p.x(c.WatchedFrom), 1), len(c.Rows)*rowHeight)
	}
	w.drawAxis(p, top, height)
	for i, row := range c.Rows {
		w.drawRow(p, row, top+float64(i*rowHeight))
	}
	for _, l := range labels {
		p.add(`<line class="event %s" x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f"/>`, l.Tone, l.x, l.x, float64(l.lane*labelLine)+4, height-axisHeight)
		p.add(`<text class="event %s" x="%.1f" y="%d" text-anchor="%s">%s</text>`, l.Tone, l.x+l.shift, l.lane*labelLine+12, l.anchor, html.EscapeString(l.Label))
	}
	p.add(`</svg>`)
	return p.String()
}

func (w locale) describe(c chart) string {
	parts := []string{w.T("chart.label") + ":"}
	for _, row := range c.Rows {
		down, unknown := 0, 0
		for _, l := range row.Looks {
			switch l.Health {
			case sample.Down:
				down++
			case sample.Unknown:
				unknown++
			case sample.Up:
			}
		}
		parts = append(parts, w.T("chart.row", row.Name, len(row.Looks), down, unknown))
	}
	return strings.Join(parts, " ")
}

type placed struct {
	chartLine
	x, shift float64
	anchor   string
	lane     int
}

// layLabels gives each label the highest lane in which it touches no other.
func layLabels(p *pen, lines []chartLine, width int) (all []placed, lanes int) {
	var ends []float64 // the right end of what stands in each lane
	for _, l := range lines {
		q := placed{chartLine: l, x: p.x(l.At), shift: 4, anchor: "start"}
		// What does not fit beside its line, on the side with more room, is cut short.
		q.Label = fitLabel(l.Label, max(q.x, float64(width)-q.x)-12)
		length := textWidth(q.Label)
		left, right := q.x, q.x+length+10
		if right > float64(width) {
			q.shift, q.anchor = -4, "end"
			left, right = q.x-length-10, q.x+4
		}
		for q.lane < len(ends) && ends[q.lane] > left {
			q.lane++
		}
		if q.lane == len(ends) {
			ends = append(ends, 0)
		}
		ends[q.lane] = right
		all = append(all, q)
	}
	return all, len(ends)
}

// fitLabel cuts a label so that it is not wider than room.
func fitLabel(s string, room float64) string {
	for runes := []rune(s); textWidth(s) > room && len(runes) > 1; {
		runes = runes[:len(runes)-1]
		s = string(runes) + "…"
	}
	return s
}

// textWidth estimates the width of a label of 12 units height: Chinese characters are square.
func textWidth(s string) float64 {
	n := 0.0
	for _, r := range s {
		if r > 0x2e80 {
			n += 12
		} else {
			n += 7.5 // bold
		}
	}
	return n
}

func (w locale) drawAxis(p *pen, top, height float64) {
	span := p.c.To.Sub(p.c.From)
	wanted := span / time.Duration(max(2, int(p.width/110)))
	step := 24 * time.Hour
	for _, s := range []time.Duration{
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
		30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if s >= wanted {
			step = s
			break
		}
	}
	layout := "15:04"
	if step < time.Minute {
		layout = "15:04:05"
	}
	bottom := height - axisHeight
	for t := p.c.From.Truncate(step).Add(step); t.Before(p.c.To); t = t.Add(step) {
		x := p.x(t)
		p.add(`<line class="grid" x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f"/>`, x, x, top, bottom)
		if half := textWidth(layout) / 2; x > half && x < p.width-half {
			p.add(`<text class="axis" x="%.1f" y="%.0f" text-anchor="middle">%s</text>`, x, height-6, t.In(w.loc).Format(layout))
		}
	}
}

// drawRow draws one check: dots for looks that were up, the higher the slower, joined by a
// line; triangles in the top for those that were down; rings on the ground for unknown.
func (w locale) drawRow(p *pen, row chartRow, y float64) {
	ground, ceiling := y+plotTop+plotHeight, y+plotTop
	p.add(`<text class="row" x="%d" y="%.0f">%s</text>`, sidePad, y+15, html.EscapeString(shorten(row.Name, int(p.width/9))))
	slowest := time.Duration(0)
	for _, l := range row.Looks {
		if l.Health == sample.Up {
			slowest = max(slowest, l.Duration)
		}
	}
	note := row.Note
	if slowest > 0 && p.width > 500 {
		note = strings.TrimPrefix(note+" · ≤ "+w.Latency(slowest), " · ")
	}
	if p.width > 500 || textWidth(note)+textWidth(row.Name) < p.width-30 {
		p.add(`<text class="note" x="%.0f" y="%.0f" text-anchor="end">%s</text>`, p.width-sidePad, y+15, html.EscapeString(note))
	}
	p.add(`<line class="ground" x1="%d" x2="%.0f" y1="%.1f" y2="%.1f"/>`, sidePad, p.width-sidePad, ground, ground)
	if len(row.Looks) == 0 {
		p.add(`<text class="note" x="%d" y="%.0f">%s</text>`, sidePad, ground-6, html.EscapeString(w.T("chart.none")))
		return
	}
	height := func(l Look) float64 {
		if slowest <= 0 {
			return ground - 4
		}
		return ground - 4 - float64(plotHeight-16)*float64(l.Duration)/float64(slowest)
	}
	drawPulse(p, row.Looks, height)
	dots, last, class := "", -10.0, "up"
	if float64(len(row.Looks))*4 > p.width*float64(row.Looks[len(row.Looks)-1].At.Sub(row.Looks[0].At)+1)/float64(p.c.To.Sub(p.c.From)) {
		class = "up dense"
	}
	for _, l := range row.Looks {
		x := p.x(l.At)
		switch l.Health {
		case sample.Up:
			if x-last >= 2.5 { // closer dots are one blot
				dots += fmt.Sprintf("M%.1f %.1fh0", x, height(l))
				last = x
			}
		case sample.Down:
			p.add(`<path class="stem" d="M%.1f %.1fV%.1f"/><path class="down" d="M%.1f %.1fl4.5 8h-9z"/>`, x, ceiling+8, ground, x, ceiling)
		case sample.Unknown:
			p.add(`<circle class="unknown" cx="%.1f" cy="%.1f" r="3"/>`, x, ground-4)
		}
	}
	if dots != "" {
		p.add(`<path class="%s" d="%s"/>`, class, dots)
	}
}

// drawPulse joins neighbouring looks that were up.
func drawPulse(p *pen, looks []Look, height func(Look) float64) {
	line, last := "", -10.0
	for i, l := range looks {
		if l.Health != sample.Up {
			last = -10
			continue
		}
		x := p.x(l.At)
		switch {
		case i == 0 || looks[i-1].Health != sample.Up:
			line += fmt.Sprintf("M%.1f %.1f", x, height(l))
		case x-last < 1.5:
			continue
		default:
			line += fmt.Sprintf("L%.1f %.1f", x, height(l))
		}
		last = x
	}
	if line != "" {
		p.add(`<path class="pulse" d="%s"/>`, line)
	}
}

func shorten(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:max(limit-1, 1)]) + "…"
}

// Bar draws a share of 0 to 1 as a bar.
func (w locale) Bar(share float64, tone string) template.HTML {
	share = min(max(share, 0), 1)
	return template.HTML(fmt.Sprintf(`<svg class="bar %s" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">`+ // numbers and a constant
		`<rect class="rail" width="100" height="6"/><rect class="fill" width="%.2f" height="6"/></svg>`, template.HTMLEscapeString(tone), share*100))
}
