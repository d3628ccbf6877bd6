package actions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"

	"guardian/internal/reason"
)

// When are matchers, all of which must hold for a step to be done.
type When []*labels.Matcher

// facts are what matchers of steps can ask of a run. A fact has several values where a deploy went to
// several shops.
func (r Run) facts(name string) (values []string, known bool) {
	switch name {
	case "service":
		return []string{r.Service}, true
	case "environment":
		return []string{r.Environment}, true
	case "kind":
		return []string{r.Kind}, true
	case "from":
		return []string{r.From}, true
	case "to":
		return []string{r.To}, true
	case "trigger":
		return []string{string(r.Trigger.Kind)}, true
	case "shop":
		return r.Shops, true
	default:
		return nil, false
	}
}

// factNames are those of facts.
const factNames = "service, environment, kind, from, to, shop, trigger"

// parseWhen reads matchers; every mistake begins with its key.
func parseWhen(texts []string) (When, []error) {
	var all When
	var errs []error
	for i, text := range texts {
		m, err := parse.Matcher(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("when[%d]: %q is no matcher; write it as in routes: shop=\"tb-main\", from=~\"2\\\\..*\"", i, text))
			continue
		}
		if _, known := (Run{}).facts(m.Name); !known {
			errs = append(errs, fmt.Errorf("when[%d]: %q is nothing that a run knows; choose one of %s", i, m.Name, factNames))
			continue
		}
		all = append(all, m)
	}
	return all, errs
}

// unmet gives the first matcher that does not hold for a run; nil: all hold. One of shop holds when a
// shop that has the version matches, and always where all shops have it.
func (w When) unmet(r Run) *labels.Matcher {
	for _, m := range w {
		values, _ := r.facts(m.Name)
		everywhere := m.Name == "shop" && len(values) == 0
		if !everywhere && !slices.ContainsFunc(values, m.Matches) {
			return m
		}
	}
	return nil
}

// skipped says why a step is not done in a run; zero: it is.
func (w When) skipped(r Run) reason.Reason {
	m := w.unmet(r)
	if m == nil {
		return reason.Reason{}
	}
	values, _ := r.facts(m.Name)
	return reason.New("step_not_meant", "condition", m.String(), "is", strings.Join(values, ", "))
}

// atShop holds where a shop has the version.
func atShop(shop string) *labels.Matcher {
	return &labels.Matcher{Type: labels.MatchEqual, Name: "shop", Value: shop}
}
