package actions

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// All gives the steps that have a kind, each with its path in the runbook: those in parallel groups and
// of the fallback, too.
func (s *RunbookSettings) All() iter.Seq2[string, *StepSettings] {
	return func(yield func(string, *StepSettings) bool) {
		for _, l := range []struct {
			key   string
			steps []StepSettings
		}{{"steps", s.Steps}, {"fallback", s.Fallback}} {
			for i := range l.steps {
				for path, st := range l.steps[i].all(fmt.Sprintf("%s[%d]", l.key, i)) {
					if !yield(path, st) {
						return
					}
				}
			}
		}
	}
}

func (s *StepSettings) all(path string) iter.Seq2[string, *StepSettings] {
	return func(yield func(string, *StepSettings) bool) {
		if !s.IsGroup() {
			yield(path, s)
			return
		}
		for i := range s.Parallel {
			if !yield(fmt.Sprintf("%s.parallel[%d]", path, i), &s.Parallel[i]) {
				return
			}
		}
	}
}

// EachShop gives the shops for each of which the step is done; "" alone for one that is for no shop.
func (s *StepSettings) EachShop() []string {
	if len(s.Shops) == 0 {
		return []string{""}
	}
	return s.Shops
}

// IsGroup tells whether it is a group of steps instead of one.
func (s *StepSettings) IsGroup() bool { return len(s.Parallel) > 0 }

// validateSteps gives every mistake of a list of steps; seen are the names that are taken.
func validateSteps(key string, steps []StepSettings, seen map[string]bool) (errs []error) {
	for i := range steps {
		path := fmt.Sprintf("%s[%d]", key, i)
		st := &steps[i]
		if name := st.Title(); seen[name] {
			errs = append(errs, fmt.Errorf("%s: the name %q is taken by an earlier step; give each step a name of its own", path, name))
		} else {
			seen[name] = true
		}
		if err := st.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
		if key == "fallback" && st.OnFailure == OnFailureFallback {
			errs = append(errs, fmt.Errorf("%s: on_failure: fallback has no fallback of its own; choose stop or continue", path))
		}
		for _, member := range st.Parallel {
			if member.IsGroup() {
				errs = append(errs, fmt.Errorf("%s: parallel: a group holds no groups; list all its steps in one", path))
				break
			}
		}
		if st.IsGroup() {
			errs = append(errs, prefixed(path+": ", validateSteps("parallel", st.Parallel, seen))...)
		}
	}
	return errs
}

func prefixed(prefix string, errs []error) []error {
	for i, err := range errs {
		errs[i] = fmt.Errorf("%s%w", prefix, err)
	}
	return errs
}

// validateGroup gives the mistakes of a group: what only a step can have.
func (s *StepSettings) validateGroup() (errs []error) {
	if s.Kind != "" {
		errs = append(errs, fmt.Errorf("%s: goes without parallel: a group has no kind, its steps have", s.Kind))
	}
	if len(s.Shops) > 0 {
		errs = append(errs, errors.New("shops: set it at the steps of the group"))
	}
	if s.Idempotent {
		errs = append(errs, errors.New("idempotent: set it at the steps of the group"))
	}
	return errs
}

// validateShops gives the mistakes of a step that is done for each of several shops, or for none.
func (s *StepSettings) validateShops() (errs []error) {
	reads := s.Settings != nil && findIn(reflect.ValueOf(s.Settings), usesShop) != ""
	switch {
	case len(s.Shops) == 0 && reads:
		errs = append(errs, errors.New("shops: is missing, and the step uses {{.Shop}}; list the shops that it is for"))
	case len(s.Shops) > 0 && s.Settings != nil && !reads && !runsProgram(s.Kind):
		errs = append(errs, errors.New("shops: the step does not use {{.Shop}}, and would do the same for each"))
	}
	for i, shop := range s.Shops {
		if strings.TrimSpace(shop) == "" || slices.Contains(s.Shops[:i], shop) {
			errs = append(errs, fmt.Errorf("shops[%d]: is empty or a duplicate", i))
		}
	}
	return errs
}

// Applies tells whether any step is meant for a run: without one there is nothing to do.
func (s *RunbookSettings) Applies(run Run) bool {
	for _, steps := range s.Steps {
		if meant(&steps, run) {
			return true
		}
	}
	return false
}

// meant tells whether a step, or one of a group, is done in a run.
func meant(s *StepSettings, run Run) bool {
	when, _ := parseWhen(s.When)
	switch {
	case when.unmet(run) != nil:
		return false
	case s.IsGroup():
		return slices.ContainsFunc(s.Parallel, func(st StepSettings) bool { return meant(&st, run) })
	case len(s.Shops) > 0:
		return slices.ContainsFunc(s.Shops, func(shop string) bool { return When{atShop(shop)}.unmet(run) == nil })
	default:
		return true
	}
}

// runsProgram tells whether a step of a kind starts a program, which may read GUARDIAN_SHOP.
func runsProgram(kind string) bool { return kind == "exec" || kind == "snapshot" }

// lister makes the flat list of a runbook's steps: a run has the same.
type lister struct {
	kinds map[string]Kind
	env   Env
	all   []RunbookStep
	errs  []error
}

// add adds a list of steps; group is that of all of them, when they are in one.
func (l *lister) add(key string, steps []StepSettings, of RunbookStep) {
	for i := range steps {
		st, path := &steps[i], fmt.Sprintf("%s[%d]", key, i)
		more, errs := parseWhen(st.When)
		l.errs = append(l.errs, errs...)
		one := of
		one.When = slices.Concat(of.When, more)
		if st.OnFailure != "" {
			one.OnFailure = st.OnFailure
		}
		if st.IsGroup() {
			one.Group = st.Title()
			l.add(path+".parallel", st.Parallel, one)
			continue
		}
		kind, ok := l.kinds[st.Kind]
		if !ok {
			l.errs = append(l.errs, fmt.Errorf("%s: no kind %q; choose one of %s", path, st.Kind, strings.Join(slices.Sorted(maps.Keys(l.kinds)), ", ")))
			continue
		}
		step, err := kind.Build(st.Settings, l.env)
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("%s: %s: %w", path, st.Kind, err))
			continue
		}
		one.Name, one.Kind, one.Timeout, one.Idempotent = st.Title(), st.Kind, time.Duration(st.Timeout), st.Idempotent
		one.Step, one.Settings = step, st.Settings
		l.addShops(one, st.Shops)
	}
}

// addShops adds a step, or one for each of several shops.
func (l *lister) addShops(one RunbookStep, shops []string) {
	if len(shops) == 0 {
		l.all = append(l.all, one)
		return
	}
	if one.Group == "" {
		one.Group = one.Name
	}
	for _, shop := range shops {
		each := one
		each.Name, each.Shop = one.Name+" "+shop, shop
		each.When = append(slices.Clone(one.When), atShop(shop))
		l.all = append(l.all, each)
	}
}
