package probes

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// expectation is an Expect whose regular expressions and templates are parsed.
type expectation struct {
	Expect
	headers       map[string]*regexp.Regexp
	matches, nots []*regexp.Regexp
	json          []assertion
}

type assertion struct {
	JSONAssertion
	path    text
	equals  *text
	matches *regexp.Regexp
}

func (e *Expect) compile() (expectation, error) {
	c := expectation{Expect: *e, headers: map[string]*regexp.Regexp{}}
	var err error
	for name, re := range e.Headers {
		if c.headers[name], err = regexp.Compile(re); err != nil {
			return c, fmt.Errorf("expect.headers.%s: %w", name, err)
		}
	}
	compile := func(to *[]*regexp.Regexp, from []string) {
		for _, s := range from {
			re, e := regexp.Compile(s)
			if e != nil {
				err = fmt.Errorf("expect: %w", e)
			}
			*to = append(*to, re)
		}
	}
	compile(&c.matches, e.BodyMatches)
	compile(&c.nots, e.BodyNotMatches)
	if err != nil {
		return c, err
	}
	for _, a := range e.JSON {
		ca := assertion{JSONAssertion: a}
		if ca.path, err = compileText("path", a.Path); err != nil {
			return c, err
		}
		if a.Equals != nil {
			equals, err := compileText("equals", *a.Equals)
			if err != nil {
				return c, err
			}
			ca.equals = &equals
		}
		if a.Matches != "" {
			if ca.matches, err = regexp.Compile(a.Matches); err != nil {
				return c, err
			}
		}
		c.json = append(c.json, ca)
	}
	return c, nil
}

// accepts tells whether a status is among the ranges, or 2xx when there are none.
func accepts(ranges []StatusRange, status int) bool {
	if len(ranges) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.ContainsFunc(ranges, func(r StatusRange) bool { return r.From <= status && status <= r.To })
}

// judge gives nil when the exchange is as expected, and otherwise the first thing that is not.
func (e expectation) judge(x exchange, d templateData) *fault {
	if !accepts(e.Status, x.status) {
		want := "2xx"
		if len(e.Status) > 0 {
			texts := make([]string, len(e.Status))
			for i, r := range e.Status {
				texts[i] = r.String()
			}
			want = strings.Join(texts, ", ")
		}
		return down("status %d, want %s", x.status, want)
	}
	for _, name := range slices.Sorted(maps.Keys(e.headers)) {
		values := x.header.Values(name)
		if len(values) == 0 {
			return down("the header %s is missing", name)
		}
		if !e.headers[name].MatchString(strings.Join(values, ", ")) {
			return down("the header %s does not match %s", name, e.headers[name])
		}
	}
	for _, s := range e.BodyContains {
		if !bytes.Contains(x.body, []byte(s)) {
			return down("the body does not contain %q", s)
		}
	}
	for _, s := range e.BodyNot {
		if bytes.Contains(x.body, []byte(s)) {
			return down("the body contains %q", s)
		}
	}
	for _, re := range e.matches {
		if !re.Match(x.body) {
			return down("the body does not match %s", re)
		}
	}
	for _, re := range e.nots {
		if re.Match(x.body) {
			return down("the body matches %s", re)
		}
	}
	if f := e.judgeJSON(x.body, d); f != nil {
		return f
	}
	if e.MaxLatency > 0 && x.took > time.Duration(e.MaxLatency) {
		return down("took %s, at most %s allowed", round(x.took), e.MaxLatency)
	}
	return nil
}

func (e expectation) judgeJSON(body []byte, d templateData) *fault {
	if len(e.json) == 0 {
		return nil
	}
	if !gjson.ValidBytes(body) {
		return down("the body is not JSON")
	}
	for _, a := range e.json {
		path, err := a.path.render(d)
		if err != nil {
			return blind("expect.json: %v", err)
		}
		if f := a.judge(path, gjson.GetBytes(body, path), d); f != nil {
			return f
		}
	}
	return nil
}

func (a assertion) judge(path string, got gjson.Result, d templateData) *fault {
	if a.Exists != nil && !*a.Exists {
		if got.Exists() {
			return down("json %s is there", path)
		}
		return nil
	}
	if !got.Exists() {
		return down("json %s is missing", path)
	}
	value := got.String()
	shown := shorten(value, 100)
	if a.equals != nil {
		want, err := a.equals.render(d)
		if err != nil {
			return blind("expect.json: %v", err)
		}
		if !equalTexts(value, want, got.Type == gjson.Number) {
			return down("json %s is %q, want %q", path, shown, want)
		}
	}
	if a.matches != nil && !a.matches.MatchString(value) {
		return down("json %s is %q, which does not match %s", path, shown, a.matches)
	}
	if a.Min == nil && a.Max == nil {
		return nil
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || number != number {
		return down("json %s is %q, want a number", path, shown)
	}
	if a.Min != nil && number < *a.Min {
		return down("json %s is %v, at least %v wanted", path, number, *a.Min)
	}
	if a.Max != nil && number > *a.Max {
		return down("json %s is %v, at most %v wanted", path, number, *a.Max)
	}
	return nil
}

// equalTexts compares values by their text, and numbers also by their value: 9.90 is 9.9, but
// the SKU "007" is not "7". Long integers, which a float cannot hold, are compared as text.
func equalTexts(got, want string, isNumber bool) bool {
	if got == want {
		return true
	}
	if !isNumber || len(got) > 15 || len(want) > 15 {
		return false
	}
	g, err1 := strconv.ParseFloat(got, 64)
	w, err2 := strconv.ParseFloat(want, 64)
	return err1 == nil && err2 == nil && g == w
}
