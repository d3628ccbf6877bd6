package server

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"time"

	"guardian/watch"
)

// strengthChart is the evidence over the same time as what the checks saw, on a logarithmic
// scale, with the threshold at which the deploy fails.
type strengthChart struct {
	chart
	Points    []watch.Point
	Began     time.Time // of the watch: points count from it
	Threshold float64
}

// The measures of the plot of the evidence, in units of the view box.
const (
	strengthHeight = 120
	strengthTop    = 18
)

// Strength draws the evidence, for a wide page and for a phone.
func (w locale) Strength(c strengthChart) template.HTML {
	if !c.To.After(c.From) || len(c.Points) == 0 {
		return ""
	}
	return template.HTML(`<div class="chart wide">` + w.drawStrength(c, 1000) + `</div><div class="chart narrow">` + w.drawStrength(c, 340) + `</div>`) // escaped by drawStrength
}

func (w locale) drawStrength(c strengthChart, width int) string {
	p := &pen{c: c.chart, width: float64(width)}
	least, most := 0.0, 1.0
	if c.Threshold > 1 {
		most = math.Log10(c.Threshold)
	}
	for _, q := range c.Points {
		least, most = min(least, q.LogE/math.Ln10), max(most, q.LogE/math.Ln10)
	}
	// A healthy deploy's evidence sinks for ever; what matters is above.
	least, most = max(least, -2), min(most*1.08, 12)
	bottom := float64(strengthTop + strengthHeight)
	y := func(tens float64) float64 {
		return bottom - strengthHeight*(min(max(tens, least), most)-least)/(most-least)
	}
	height := bottom + axisHeight
	label := w.T("strength.describe", tens(least), tens(most), thousands(int64(c.Threshold)))
	p.add(`<svg viewBox="0 0 %d %.0f" role="img" aria-label="%s">`, width, height, html.EscapeString(label))
	if c.WatchedTo.After(c.WatchedFrom) {
		p.add(`<rect class="watched" x="%.1f" y="%d" width="%.1f" height="%d"/>`, p.x(c.WatchedFrom), strengthTop, max(p.x(c.WatchedTo)-p.x(c.WatchedFrom), 1), strengthHeight)
	}
	w.drawAxis(p, strengthTop, height)
	p.add(`<line class="ground" x1="%d" x2="%.0f" y1="%.1f" y2="%.1f"/>`, sidePad, p.width-sidePad, y(0), y(0))
	p.add(`<text class="axis" x="%d" y="%.1f">%s</text>`, sidePad, y(0)-4, html.EscapeString(w.T("strength.even")))
	if c.Threshold > 1 {
		at := y(math.Log10(c.Threshold))
		p.add(`<line class="threshold" x1="%d" x2="%.0f" y1="%.1f" y2="%.1f"/>`, sidePad, p.width-sidePad, at, at)
		p.add(`<text class="threshold" x="%d" y="%.1f">%s</text>`, sidePad, at-5, html.EscapeString(w.T("strength.threshold", thousands(int64(math.Round(c.Threshold))))))
	}
	for _, l := range c.Lines {
		p.add(`<line class="event %s" x1="%.1f" x2="%.1f" y1="%d" y2="%.1f"/>`, l.Tone, p.x(l.At), p.x(l.At), strengthTop, bottom)
	}
	// Over the lines: the last step stands where the verdict's does, and is what matters most.
	path, endX, endY := "", 0.0, 0.0
	for i, q := range c.Points {
		x, v := p.x(c.Began.Add(time.Duration(q.After*float64(time.Second)))), y(q.LogE/math.Ln10)
		endX, endY = x, v
		if i == 0 {
			path = fmt.Sprintf("M%.1f %.1fH%.1fV%.1f", p.x(c.Began), y(0), x, v)
			continue
		}
		path += fmt.Sprintf("H%.1fV%.1f", x, v) // it changes with a look only
	}
	p.add(`<path class="strength" d="%s"/><circle class="end" cx="%.1f" cy="%.1f" r="4"/>`, path, endX, endY)
	p.add(`</svg>`)
	return p.String()
}

// tens writes a power of ten.
func tens(power float64) string { return strconv.FormatFloat(math.Pow(10, power), 'g', 2, 64) }

// RateRange writes where a rate is.
func (w locale) RateRange(r *watch.Range) string {
	if r == nil {
		return ""
	}
	return "[" + percent(r.From) + "–" + percent(r.To) + "]"
}

// percent writes a share with two digits that count.
func percent(v float64) string {
	if v >= 0.995 {
		return "100%" // two digits of it would be 1e+02
	}
	return strconv.FormatFloat(v*100, 'g', 2, 64) + "%"
}

// Seconds writes a duration in seconds.
func (w locale) Seconds(v float64) string { return w.Latency(time.Duration(v * float64(time.Second))) }
