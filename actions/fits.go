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
	for _, st := range s.All() {
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

// usesTo and usesShop find the use of the version to put back, and of the shop, in a template.
var (
	usesTo   = regexp.MustCompile(`\{\{[^}]*\.To\b`)
	usesShop = regexp.MustCompile(`\{\{[^}]*\.Shop\b`)
)

// UsesVersion names a template of the runbook that uses the version to put back; "" when none does.
func (s *RunbookSettings) UsesVersion() string {
	for _, st := range s.All() {
		if text := st.UsesVersion(); text != "" {
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
	return findIn(reflect.ValueOf(settings), usesTo)
}

// findIn looks through the texts of settings.
func findIn(v reflect.Value, use *regexp.Regexp) string {
	switch v.Kind() {
	case reflect.String:
		return use.FindString(v.String())
	case reflect.Pointer, reflect.Interface:
		return findIn(v.Elem(), use)
	case reflect.Struct:
		for _, f := range v.Fields() {
			if text := findIn(f, use); text != "" {
				return text
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if text := findIn(v.Index(i), use); text != "" {
				return text
			}
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			if text := findIn(value, use); text != "" {
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
