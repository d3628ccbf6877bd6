package route

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
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

	made *labels.Matcher // nil: the zero Matcher
}

// NewMatcher makes a matcher. Regular expressions use RE2 and are anchored at both ends.
func NewMatcher(name string, op Op, value string) (Matcher, error) {
	if name == "" {
		return Matcher{}, fmt.Errorf("matcher %s%q has no label name", op, value)
	}
	if !utf8.ValidString(name) || !utf8.ValidString(value) {
		return Matcher{}, fmt.Errorf("matcher %q%s%q is not valid UTF-8", name, op, value)
	}
	kinds := []labels.MatchType{labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp, labels.MatchNotRegexp}
	i := slices.IndexFunc(kinds, func(t labels.MatchType) bool { return t.String() == string(op) })
	if i < 0 {
		return Matcher{}, fmt.Errorf("comparison %q is not one of =, !=, =~, !~", op)
	}
	made, err := labels.NewMatcher(kinds[i], name, value)
	if err != nil {
		return Matcher{}, fmt.Errorf("matcher %s%s%q: %w", name, op, value, err)
	}
	return matcherOf(made), nil
}

func matcherOf(m *labels.Matcher) Matcher {
	return Matcher{Name: m.Name, Op: Op(m.Type.String()), Value: m.Value, made: m}
}

// Match reports whether labels satisfy the condition. The zero Matcher matches nothing.
func (m Matcher) Match(labels map[string]string) bool {
	return m.made != nil && m.made.Matches(labels[m.Name])
}

// String formats the matcher as Alertmanager does. Both of its parsers read the text alike.
func (m Matcher) String() string {
	if m.made == nil {
		return m.Name + string(m.Op) + strconv.Quote(m.Value)
	}
	return m.made.String()
}

// Equal reports whether both are the same condition.
func (m Matcher) Equal(o Matcher) bool { return m.Name == o.Name && m.Op == o.Op && m.Value == o.Value }

// MarshalText formats the matcher as String does, for the journal and the API.
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText parses one matcher. Where Alertmanager's parsers disagree it takes the newer
// one: journals hold values with Go's escapes, such as "\t".
func (m *Matcher) UnmarshalText(text []byte) (err error) {
	ms, err := parseMatchers(string(text), func(utf8, _ Matchers) Matchers { return utf8 })
	if err == nil {
		*m, err = single(string(text), ms)
	}
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

// sorted returns the matchers in an order that does not depend on how they were written.
func (ms Matchers) sorted() Matchers {
	return slices.SortedFunc(slices.Values(ms), func(a, b Matcher) int { return strings.Compare(a.String(), b.String()) })
}

// ParseMatcher parses exactly one matcher: name=value, name!="a value", name=~a|b.
func ParseMatcher(text string) (Matcher, error) {
	ms, err := ParseMatchers(text)
	if err != nil {
		return Matcher{}, err
	}
	return single(text, ms)
}

func single(text string, ms Matchers) (Matcher, error) {
	if len(ms) != 1 {
		return Matcher{}, fmt.Errorf("matcher %q: want one matcher, have %d", text, len(ms))
	}
	return ms[0], nil
}

// ParseMatchers parses matchers separated by commas, optionally in braces, as Alertmanager
// does: by its UTF-8 parser, and by the classic one where that fails or reads something else.
// An empty text without braces is an error: it would match everything.
func ParseMatchers(text string) (Matchers, error) {
	return parseMatchers(text, func(_, classic Matchers) Matchers { return classic })
}

// parseMatchers parses by both parsers; choose decides where they read different matchers.
func parseMatchers(text string, choose func(utf8, classic Matchers) Matchers) (Matchers, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("matcher %q: is not valid UTF-8", text)
	}
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("matcher %q: is empty; write name=value", text)
	}
	newer, err := parse.Matchers(text)
	classic, classicErr := labels.ParseMatchers(text)
	switch {
	case err != nil && classicErr != nil:
		return nil, fmt.Errorf("matcher %q: %w", text, explained(err))
	case err != nil:
		return matchersOf(classic)
	case classicErr != nil:
		return matchersOf(newer)
	}
	utf8, err := matchersOf(newer)
	if err != nil {
		return nil, err
	}
	old, err := matchersOf(classic)
	if err != nil {
		return nil, err
	}
	if slices.EqualFunc(utf8, old, Matcher.Equal) {
		return utf8, nil
	}
	return choose(utf8, old), nil
}

// Classic reports whether matchers are only read by Alertmanager's classic parser, or read
// differently by it, and how to write what it reads so that both agree. Such a text is often
// a slip: tier==critical compares with "=critical".
func Classic(text string) (instead string, ok bool) {
	ms, err := ParseMatchers(text)
	if err != nil {
		return "", false
	}
	newer, err := parse.Matchers(text)
	if err == nil {
		if utf8, err := matchersOf(newer); err == nil && slices.EqualFunc(utf8, ms, Matcher.Equal) {
			return "", false
		}
	}
	return strings.Trim(ms.String(), "{}"), true
}

func matchersOf(parsed []*labels.Matcher) (Matchers, error) {
	out := make(Matchers, 0, len(parsed))
	for _, m := range parsed {
		if m.Name == "" {
			return nil, fmt.Errorf("matcher %s%q has no label name", m.Type, m.Value)
		}
		out = append(out, matcherOf(m))
	}
	return out, nil
}

// columns matches the place at the start of an error of Alertmanager's parser.
var columns = regexp.MustCompile(`^(\d+):\d+: `)

// explained says where in the text an error is, and what to do about the common ones.
func explained(err error) error {
	text := err.Error()
	if found := columns.FindStringSubmatch(text); found != nil {
		if column, numErr := strconv.Atoi(found[1]); numErr == nil {
			text = fmt.Sprintf("column %d: %s", column+1, strings.TrimPrefix(text, found[0]))
		}
	}
	if strings.Contains(text, "comma or close brace") || strings.Contains(text, "invalid input") {
		text += "; a value with spaces or one of {}!=~,\\\"'` needs double quotes, and a backslash in them another one"
	}
	return errors.New(text)
}
