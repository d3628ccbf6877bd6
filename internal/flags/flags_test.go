package flags_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/flags"
)

func noon() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }

func settings(change func(*flags.Settings)) flags.Settings {
	s := flags.Defaults()
	s.Name, s.Owner = "pause-price-writes", "price-team"
	if change != nil {
		change(&s)
	}
	return s
}

func TestWhatAFlagMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*flags.Settings)
		wrong  string // a part of the mistake; "": there is none
	}{
		"a switch that is off unless said otherwise": {},
		"one that is on unless said otherwise":       {change: func(s *flags.Settings) { s.Default = "on" }},
		"texts": {change: func(s *flags.Settings) {
			s.Type, s.Variants, s.Default = flags.String, map[string]string{"own": "erp", "fallback": "csv"}, "own"
		}},
		"numbers": {change: func(s *flags.Settings) {
			s.Type, s.Variants, s.Default = flags.Number, map[string]string{"all": "1", "half": "0.5"}, "all"
		}},
		"a default that there is not": {func(s *flags.Settings) { s.Default = "of" }, `no variant "of"; the choices are off, on`},
		"no default":                  {func(s *flags.Settings) { s.Variants = map[string]string{"go": "false", "stop": "true"} }, "default: is missing"},
		"texts without variants":      {func(s *flags.Settings) { s.Type = flags.String }, "variants: name at least two"},
		"one variant": {func(s *flags.Settings) {
			s.Variants, s.Default = map[string]string{"on": "true"}, "on"
		}, "variants: name at least two"},
		"a text where a truth belongs": {func(s *flags.Settings) { s.Variants = map[string]string{"on": "yes", "off": "false"} }, `variants.on: expected true or false, found "yes"`},
		"no number":                    {func(s *flags.Settings) { s.Type, s.Variants = flags.Number, map[string]string{"a": "1", "b": "NaN"} }, `variants.b: expected a number`},
		"for ever":                     {func(s *flags.Settings) { s.MaxFor = model.Duration(32 * 24 * time.Hour) }, "max_for"},
		"for no time":                  {func(s *flags.Settings) { s.MaxFor = 0 }, "max_for"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings(c.change)
			err := s.Validate()
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("got %v, want %q", err, c.wrong)
			}
		})
	}
}

func TestWhatAFlagIsNow(t *testing.T) {
	f, err := flags.New(settings(nil))
	if err != nil {
		t.Fatal(err)
	}
	on := flags.Change{Flag: f.Name, Variant: "on", By: "wang", At: noon(), Until: noon().Add(time.Hour)}
	for name, c := range map[string]struct {
		last  flags.Change
		after time.Duration
		want  bool
		set   bool
	}{
		"never changed":           {},
		"set":                     {last: on, want: true, set: true},
		"a moment before its end": {last: on, after: time.Hour - 1, want: true, set: true},
		"at its end":              {last: on, after: time.Hour},
		"given back":              {last: flags.Change{Flag: f.Name, By: "wang", At: noon()}},
		"set to a variant that is configured no more": {last: flags.Change{Flag: f.Name, Variant: "half", At: noon(), Until: noon().Add(time.Hour)}},
		"set to its default for a time":               {last: flags.Change{Flag: f.Name, Variant: "off", At: noon(), Until: noon().Add(time.Hour)}, set: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := flags.Evaluate(f, c.last, noon().Add(c.after))
			if s.Value != c.want || s.Set != c.set {
				t.Errorf("value %v, set %v; want %v, %v", s.Value, s.Set, c.want, c.set)
			}
		})
	}
}
