package actions

import (
	"reflect"
	"regexp"
	"strings"

	"guardian/internal/reason"
)

// Fitting are settings that can tell before that a version cannot be put back with them.
type Fitting interface {
	// Misfit says why; zero: as far as can be known before, it can.
	Misfit(c Call) reason.Reason
}

// Misfit says why the runbook cannot put a version back. Zero: as far as can be known before, it can.
func (s *RunbookSettings) Misfit(version string) reason.Reason {
	call := SampleCall()
	call.Run.To, call.Run.Runbook = version, s.Name
	for _, st := range s.Steps {
		if fitting, ok := st.Settings.(Fitting); ok {
			if why := fitting.Misfit(call); !why.IsZero() {
				return why
			}
		}
	}
	return reason.Reason{}
}

// Versioned are settings that need the version to put back although no template says so.
type Versioned interface {
	// NeedsVersion names what needs it; "": nothing does.
	NeedsVersion() string
}

// usesTo finds the use of the version to put back in a template.
var usesTo = regexp.MustCompile(`\{\{[^}]*\.To\b`)

// UsesVersion names a template of the runbook that uses the version to put back; "" when none does.
func (s *RunbookSettings) UsesVersion() string {
	for i := range s.Steps {
		if text := s.Steps[i].UsesVersion(); text != "" {
			return text
		}
	}
	return ""
}

// UsesVersion names what of the step uses the version to put back; "" when nothing does.
func (s *StepSettings) UsesVersion() string {
	return usesVersion(s.Settings)
}

// usesVersion names what of a step's settings uses the version to put back; "": nothing does.
func usesVersion(settings any) string {
	if v, ok := settings.(Versioned); ok {
		if text := v.NeedsVersion(); text != "" {
			return text
		}
	}
	return findTo(reflect.ValueOf(settings))
}

// findTo looks through the texts of settings.
func findTo(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return usesTo.FindString(v.String())
	case reflect.Pointer, reflect.Interface:
		return findTo(v.Elem())
	case reflect.Struct:
		for _, f := range v.Fields() {
			if text := findTo(f); text != "" {
				return text
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if text := findTo(v.Index(i)); text != "" {
				return text
			}
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			if text := findTo(value); text != "" {
				return text
			}
		}
	default:
	}
	return ""
}

// trimPrefix and replace are strings' own, with what they work on last, as in a template's pipe.
func trimPrefix(prefix, text string) string { return strings.TrimPrefix(text, prefix) }

func replace(old, with, text string) string { return strings.ReplaceAll(text, old, with) }
