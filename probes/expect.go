package probes

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// expectation is an Expect with parsed regular expressions and templates.
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

// accepts reports whether a status is in one of the ranges, or 2xx if there are none.
func accepts(ranges []StatusRange, status int) bool {
	if len(ranges) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.ContainsFunc(ranges, func(r StatusRange) bool { return r.From <= status && status <= r.To })
}

// judge returns the first expectation that the exchange does not meet; nil if it meets all. What a
// GraphQL answer says of its errors is quoted, because its status tells nothing.
func (e expectation) judge(x exchange, d templateData) *fault {
	f := e.unmet(x, d)
	if f == nil || f.health != sample.Down {
		return f
	}
	if said := graphqlErrors(x.body); said != "" {
		return down(reason.New("http_graphql_errors", "why", f.reason, "said", said))
	}
	return f
}

// graphqlErrors returns the messages of the errors of a GraphQL answer (GraphQL specification, 7.1.2),
// with their codes where there are any; "" if there are none.
func graphqlErrors(body []byte) string {
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) == 0 || first[0] != '{' || !gjson.ValidBytes(body) {
		return ""
	}
	const most = 3
	var said []string
	errs := gjson.GetBytes(body, "errors").Array()
	for _, one := range errs[:min(len(errs), most)] {
		message := one.Get("message")
		if message.Type != gjson.String {
			return ""
		}
		text := oneLine(message.String(), 200)
		if code := one.Get("extensions.code"); code.Type == gjson.String {
			text += " (" + oneLine(code.String(), 60) + ")"
		}
		said = append(said, text)
	}
	if more := len(errs) - most; more > 0 {
		said = append(said, fmt.Sprintf("… %d", more))
	}
	return strings.Join(said, "; ")
}

// shownStatus names the statuses that are expected.
func shownStatus(expected []StatusRange) string {
	if len(expected) == 0 {
		return "2xx"
	}
	texts := make([]string, len(expected))
	for i, r := range expected {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}

// unmet returns the first expectation that the exchange does not meet; nil if it meets all.
func (e expectation) unmet(x exchange, d templateData) *fault {
	if !accepts(e.Status, x.status) {
		return down(reason.New("http_status", "status", x.status, "want", shownStatus(e.Status)))
	}
	for _, name := range slices.Sorted(maps.Keys(e.headers)) {
		values := x.header.Values(name)
		if len(values) == 0 {
			return down(reason.New("http_header_missing", "header", name))
		}
		if !e.headers[name].MatchString(strings.Join(values, ", ")) {
			return down(reason.New("http_header_mismatch", "header", name, "pattern", e.headers[name]))
		}
	}
	if f := e.judgeBody(x); f != nil {
		return f
	}
	if f := e.judgeJSON(x.content, d); f != nil {
		return f
	}
	if x.broken {
		return x.whole()
	}
	if e.MaxLatency > 0 && x.took > time.Duration(e.MaxLatency) {
		return down(reason.New("http_slow", "took", round(x.took), "limit", time.Duration(e.MaxLatency)))
	}
	return nil
}

// judgeBody judges the body as text. In a body that was not read as a whole, a text that was not found
// may be there.
func (e expectation) judgeBody(x exchange) *fault {
	for _, s := range e.BodyContains {
		if !bytes.Contains(x.body, []byte(s)) {
			return x.lacks(isASCII(s), down(reason.New("http_body_lacks", "text", s)))
		}
	}
	for _, s := range e.BodyNotContains {
		if bytes.Contains(x.body, []byte(s)) {
			return down(reason.New("http_body_contains", "text", s))
		}
		if f := x.lacks(isASCII(s), nil); f != nil {
			return f
		}
	}
	for _, re := range e.matches {
		if !re.Match(x.body) {
			return x.lacks(plainPattern(re), down(reason.New("http_body_mismatch", "pattern", re)))
		}
	}
	for _, re := range e.nots {
		if re.Match(x.body) {
			return down(reason.New("http_body_matches", "pattern", re))
		}
		if f := x.lacks(plainPattern(re), nil); f != nil {
			return f
		}
	}
	return nil
}

// plainPattern reports whether a pattern matches ASCII characters alone; classes are taken not to.
func plainPattern(re *regexp.Regexp) bool {
	return isASCII(re.String()) && !strings.ContainsAny(re.String(), `\[.`)
}

func (e expectation) judgeJSON(c content, d templateData) *fault {
	if len(e.json) == 0 {
		return nil
	}
	if f := c.whole(); f != nil {
		return f
	}
	body := c.body
	if !gjson.ValidBytes(body) {
		return down(reason.New("http_not_json"))
	}
	for _, a := range e.json {
		path, err := a.path.render(d)
		if err != nil {
			return blind(reason.New("setting_unusable", "setting", "expect.json", "error", err))
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
			return down(reason.New("json_present", "path", path))
		}
		return nil
	}
	if !got.Exists() {
		return down(reason.New("json_missing", "path", path))
	}
	value := textOf(got)
	shown := shorten(value, 100)
	if a.equals != nil {
		want, err := a.equals.render(d)
		if err != nil {
			return blind(reason.New("setting_unusable", "setting", "expect.json", "error", err))
		}
		if !equalTexts(value, want, got.Type == gjson.Number) {
			return down(reason.New("json_differs", "path", path, "got", shown, "want", want))
		}
	}
	if a.matches != nil && !a.matches.MatchString(value) {
		return down(reason.New("json_mismatch", "path", path, "got", shown, "pattern", a.matches))
	}
	if a.Min == nil && a.Max == nil {
		return nil
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || number != number {
		return down(reason.New("json_not_number", "path", path, "got", shown))
	}
	if a.Min != nil && number < *a.Min {
		return down(reason.New("json_low", "path", path, "got", exact(number), "limit", exact(*a.Min)))
	}
	if a.Max != nil && number > *a.Max {
		return down(reason.New("json_high", "path", path, "got", exact(number), "limit", exact(*a.Max)))
	}
	return nil
}

// textOf is the text of a JSON value: null is there, and reads null.
func textOf(r gjson.Result) string {
	if r.Type == gjson.Null && r.Exists() {
		return "null"
	}
	return r.String()
}

// exact formats a number with all its digits: a rounded value that is just over a limit would
// read like the limit.
func exact(v float64) string {
	if abs := math.Abs(v); abs >= 1e15 || abs > 0 && abs < 1e-6 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// equalTexts compares values as text, and numbers also by value: 9.90 equals 9.9, but the SKU
// "007" does not equal "7". Integers too long for a float are compared as text.
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
