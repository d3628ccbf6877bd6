package probes

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"guardian/probes/sample"
)

// Assertion is one expectation of a look and whether it was met.
type Assertion struct {
	Text string `json:"text"`          // such as "status is 2xx"
	Held bool   `json:"held"`          // whether it was so
	Saw  string `json:"saw,omitempty"` // what was seen instead, redacted; "" when it held
}

// Explainer is a Probe that can report all its assertions, where Look stops at the first that does
// not hold. Explain looks as Look does; its observation has details even when it is Up.
type Explainer interface {
	Explain(ctx context.Context) (sample.Observation, []Assertion)
}

// Explain implements Explainer.
func (p *httpProbe) Explain(ctx context.Context) (sample.Observation, []Assertion) {
	o, x, data := p.look(ctx)
	answered := Assertion{Text: "an answer comes", Held: x.status != 0}
	if !answered.Held {
		answered.Saw = o.Reason.String()
		return o, []Assertion{answered}
	}
	o.Detail = p.masks.detail(x)
	all := []Assertion{answered}
	add := func(text string, f *fault) {
		a := Assertion{Text: p.masks.text(text), Held: f == nil}
		if f != nil {
			a.Saw = p.masks.text(f.reason.String())
		}
		all = append(all, a)
	}
	for _, one := range p.expectation.singles() {
		add(one.text, one.judge(x, data))
	}
	if least := p.settings.TLS.MinRemaining; least > 0 && !x.expiry.IsZero() {
		add(fmt.Sprintf("certificates are valid for %s more", least), remaining(x.expiry, least, p.env.Now()))
	}
	return o, all
}

// single is an expectation with one assertion.
type single struct {
	expectation
	text string
}

// singles splits an expectation into its assertions, in the order in which they are judged.
func (e expectation) singles() []single {
	anyStatus := Expect{Status: []StatusRange{{From: 100, To: 599}}}
	var all []single
	add := func(text string, set func(*expectation)) {
		one := expectation{Expect: anyStatus}
		set(&one)
		all = append(all, single{one, text})
	}
	add("status is "+shownStatus(e.Status), func(x *expectation) { x.Status = e.Status })
	for _, name := range slices.Sorted(maps.Keys(e.headers)) {
		add(fmt.Sprintf("header %s matches %s", name, e.headers[name]), func(x *expectation) {
			x.headers = maps.Clone(e.headers)
			maps.DeleteFunc(x.headers, func(other string, _ *regexp.Regexp) bool { return other != name })
		})
	}
	for _, s := range e.BodyContains {
		add(fmt.Sprintf("body contains %q", s), func(x *expectation) { x.BodyContains = []string{s} })
	}
	for _, s := range e.BodyNotContains {
		add(fmt.Sprintf("body does not contain %q", s), func(x *expectation) { x.BodyNotContains = []string{s} })
	}
	for i, re := range e.matches {
		add(fmt.Sprintf("body matches %s", re), func(x *expectation) { x.matches = e.matches[i : i+1] })
	}
	for i, re := range e.nots {
		add(fmt.Sprintf("body does not match %s", re), func(x *expectation) { x.nots = e.nots[i : i+1] })
	}
	for i, a := range e.json {
		add("json "+a.words(), func(x *expectation) { x.json = e.json[i : i+1] })
	}
	if e.MaxLatency > 0 {
		add(fmt.Sprintf("takes at most %s", e.MaxLatency), func(x *expectation) { x.MaxLatency = e.MaxLatency })
	}
	return all
}

// words describes a JSON assertion.
func (a JSONAssertion) words() string {
	var parts []string
	if a.Exists != nil && !*a.Exists {
		return a.Path + " is not there"
	}
	if a.Equals != nil {
		parts = append(parts, fmt.Sprintf("is %q", *a.Equals))
	}
	if a.Matches != "" {
		parts = append(parts, "matches "+a.Matches)
	}
	if a.Min != nil {
		parts = append(parts, fmt.Sprintf("is at least %v", *a.Min))
	}
	if a.Max != nil {
		parts = append(parts, fmt.Sprintf("is at most %v", *a.Max))
	}
	if len(parts) == 0 {
		parts = []string{"is there"}
	}
	return a.Path + " " + strings.Join(parts, " and ")
}
