package route

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Op is how a matcher compares.
type Op string

// The comparisons.
const (
	Equal     Op = "="
	NotEqual  Op = "!="
	Regexp    Op = "=~"
	NotRegexp Op = "!~"
)

// Matcher is one condition on one label. A missing label counts as "".
type Matcher struct {
	Name  string
	Op    Op
	Value string

	re *regexp.Regexp
}

// NewMatcher makes a matcher. Regular expressions use RE2 and are anchored at both ends.
func NewMatcher(name string, op Op, value string) (Matcher, error) {
	m := Matcher{Name: name, Op: op, Value: value}
	if name == "" {
		return Matcher{}, fmt.Errorf("matcher %s%q has no label name", op, value)
	}
	if !utf8.ValidString(name) || !utf8.ValidString(value) {
		return Matcher{}, fmt.Errorf("matcher %q%s%q is not valid UTF-8", name, op, value)
	}
	switch op {
	case Equal, NotEqual:
	case Regexp, NotRegexp:
		re, err := regexp.Compile("^(?:" + value + ")$")
		if err != nil {
			return Matcher{}, fmt.Errorf("matcher %s%s%q: %w", name, op, value, err)
		}
		m.re = re
	default:
		return Matcher{}, fmt.Errorf("comparison %q is not one of =, !=, =~, !~", op)
	}
	return m, nil
}

// Match reports whether labels satisfy the condition.
func (m Matcher) Match(labels map[string]string) bool {
	v := labels[m.Name]
	switch m.Op {
	case Equal:
		return v == m.Value
	case NotEqual:
		return v != m.Value
	case Regexp:
		return m.re != nil && m.re.MatchString(v)
	case NotRegexp:
		return m.re != nil && !m.re.MatchString(v)
	default:
		return false // the zero Matcher matches nothing
	}
}

// String formats the matcher for ParseMatcher.
func (m Matcher) String() string {
	name := m.Name
	if !bare(name) {
		name = strconv.Quote(name)
	}
	return name + string(m.Op) + strconv.Quote(m.Value)
}

// Equal reports whether both are the same condition.
func (m Matcher) Equal(o Matcher) bool { return m.Name == o.Name && m.Op == o.Op && m.Value == o.Value }

// MarshalText formats the matcher as String does, for the journal and the API.
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText parses what ParseMatcher parses.
func (m *Matcher) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMatcher(string(text))
	return err
}

// Matchers are conditions that must all be satisfied; the empty list matches everything.
type Matchers []Matcher

// Match reports whether labels satisfy every condition.
func (ms Matchers) Match(labels map[string]string) bool {
	for _, m := range ms {
		if !m.Match(labels) {
			return false
		}
	}
	return true
}

// String formats the matchers for ParseMatchers.
func (ms Matchers) String() string {
	parts := make([]string, len(ms))
	for i, m := range ms {
		parts[i] = m.String()
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// ParseMatcher parses exactly one matcher: name=value, name!="a value", name=~a|b.
func ParseMatcher(text string) (Matcher, error) {
	ms, err := ParseMatchers(text)
	if err != nil {
		return Matcher{}, err
	}
	if len(ms) != 1 {
		return Matcher{}, fmt.Errorf("matcher %q: want one matcher, have %d", text, len(ms))
	}
	return ms[0], nil
}

// ParseMatchers parses matchers separated by commas, optionally in braces, in the syntax of
// Alertmanager's UTF-8 parser: names and values are unquoted or in double quotes with Go's
// escapes. Unquoted ones contain neither spaces nor any of {}!=~,\"'`. A trailing comma is
// allowed.
func ParseMatchers(text string) (Matchers, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("matcher %q: is not valid UTF-8", text)
	}
	p := parser{rest: text}
	ms, err := p.matchers()
	if err != nil {
		return nil, fmt.Errorf("matcher %q: %w", text, err)
	}
	return ms, nil
}

type parser struct{ rest string }

func (p *parser) space() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

// take removes a token from the front and reports whether it was there.
func (p *parser) take(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

func (p *parser) matchers() (Matchers, error) {
	p.space()
	braces := p.take("{")
	var out Matchers
	for {
		p.space()
		if p.rest == "" || strings.HasPrefix(p.rest, "}") {
			break
		}
		m, err := p.matcher()
		if err != nil {
			return nil, err
		}
		out = append(out, m)
		p.space()
		if !p.take(",") {
			break
		}
	}
	p.space()
	switch closed := p.take("}"); {
	case braces && !closed:
		return nil, errors.New("the opening brace is never closed")
	case !braces && closed:
		return nil, errors.New("a closing brace without an opening one")
	}
	p.space()
	if p.rest != "" {
		return nil, fmt.Errorf("cannot read %q; a value with spaces or one of {}!=~,\\\"'` needs double quotes", p.rest)
	}
	if len(out) == 0 && !braces {
		return nil, errors.New("is empty; write name=value")
	}
	return out, nil
}

func (p *parser) matcher() (Matcher, error) {
	name, err := p.word("label name")
	if err != nil {
		return Matcher{}, err
	}
	p.space()
	var op Op
	for _, o := range []Op{Regexp, NotRegexp, NotEqual, Equal} {
		if p.take(string(o)) {
			op = o
			break
		}
	}
	if op == "" {
		return Matcher{}, fmt.Errorf("after %q: want one of =, !=, =~, !~", name)
	}
	p.space()
	value, err := p.word("value")
	if err != nil {
		return Matcher{}, err
	}
	return NewMatcher(name, op, value)
}

func (p *parser) word(what string) (string, error) {
	if strings.HasPrefix(p.rest, `"`) {
		quoted, err := strconv.QuotedPrefix(p.rest)
		if err != nil {
			return "", fmt.Errorf("%s: the quotes in %q are not closed, or an escape is wrong", what, p.rest)
		}
		p.rest = p.rest[len(quoted):]
		return strconv.Unquote(quoted)
	}
	end := strings.IndexFunc(p.rest, special)
	if end < 0 {
		end = len(p.rest)
	}
	if end == 0 {
		return "", fmt.Errorf("want a %s, have %q", what, p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word, nil
}

func special(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("{}!=~,\\\"'`", r) }

func bare(s string) bool { return s != "" && strings.IndexFunc(s, special) < 0 }
