package flags

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
)

// Settings is a kill switch in the configuration.
type Settings struct {
	Name        string            `yaml:"name" required:"true" doc:"The flag's name, by which programs read it."`
	Description string            `yaml:"description" doc:"What programs do while it is set, in a sentence for people."`
	Owner       string            `yaml:"owner" required:"true" doc:"The team or person who may be asked about it."`
	Service     string            `yaml:"service" doc:"The service that reads it; notices of changes have its label."`
	Type        string            `yaml:"type" enum:"boolean,string,number" doc:"The type of its values."`
	Variants    map[string]string `yaml:"variants" doc:"Its values by name; default: on (true) and off (false)."`
	Default     string            `yaml:"default" doc:"The variant while nothing is set, and again when the time of a change is over: what is safe when nobody decides. Programs should use its value, too, when they cannot reach Guardian."`
	MaxFor      model.Duration    `yaml:"max_for" doc:"For how long it may be set at most; whoever sets it says for how long."`
}

// The types of values.
const (
	Boolean = "boolean"
	String  = "string"
	Number  = "number"
)

// Defaults gives the defaults of a flag.
func Defaults() Settings {
	return Settings{Type: Boolean, MaxFor: model.Duration(24 * time.Hour)}
}

// longest is the most that max_for may be: a flag that is set for longer is configuration.
const longest = 31 * 24 * time.Hour

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := New(*s)
	return err
}

// Flag is a configured flag.
type Flag struct {
	Name        string
	Description string
	Owner       string
	Service     string
	Default     string
	Values      map[string]any // by variant: bool, string or float64
	MaxFor      time.Duration
}

// New makes a flag of its settings, or joins every mistake in them.
func New(s Settings) (Flag, error) {
	f := Flag{
		Name: s.Name, Description: s.Description, Owner: s.Owner, Service: s.Service, Default: s.Default,
		Values: map[string]any{}, MaxFor: time.Duration(s.MaxFor),
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	variants := s.Variants
	if len(variants) == 0 && s.Type == Boolean {
		variants = map[string]string{"on": "true", "off": "false"}
		f.Default = cmp.Or(f.Default, "off")
	}
	if len(variants) < 2 {
		wrong("variants: name at least two, each with its value")
	}
	for _, name := range slices.Sorted(maps.Keys(variants)) {
		value, err := parse(s.Type, variants[name])
		if err != nil {
			wrong("variants.%s: %w", name, err)
		}
		f.Values[name] = value
	}
	switch _, ok := f.Values[f.Default]; {
	case ok:
	case f.Default == "":
		wrong("default: is missing: name the variant that is safe when nobody decides: %s", f.names())
	default:
		wrong("default: there is no variant %q; the choices are %s", f.Default, f.names())
	}
	if f.MaxFor <= 0 || f.MaxFor > longest {
		wrong("max_for: must be more than 0s and at most 31d")
	}
	return f, errors.Join(errs...)
}

func parse(kind, text string) (any, error) {
	switch kind {
	case Boolean:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("expected true or false, found %q; or set type: string", text)
		}
		return text == "true", nil
	case Number:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n-n != 0 { // JSON has neither NaN nor infinities
			return nil, fmt.Errorf("expected a number, found %q", text)
		}
		return n, nil
	default:
		return text, nil
	}
}

func (f Flag) names() string {
	return strings.Join(f.Variants(), ", ")
}

// Variants gives the names of its variants, sorted.
func (f Flag) Variants() []string { return slices.Sorted(maps.Keys(f.Values)) }

// Change is what was decided last about a flag.
type Change struct {
	Flag    string        `json:"flag"`
	Variant string        `json:"variant,omitempty"` // "": back to the default
	By      string        `json:"by,omitempty"`      // the person; "": a run, or the time was over
	Run     string        `json:"run,omitempty"`     // ID of the run that did it
	Intent  string        `json:"intent,omitempty"`  // of the run's step
	Reason  reason.Reason `json:"reason,omitzero"`
	At      time.Time     `json:"at"`
	Until   time.Time     `json:"until,omitzero"` // when the default holds again; zero: with Variant ""
}

// State is what a flag is at a time.
type State struct {
	Flag
	Variant string
	Value   any
	Set     bool   // by a change; false: its default holds
	Change  Change // the last one; zero: there was none
}

// Expired tells whether a change's time is over and nobody recorded that yet.
func (c Change) Expired(now time.Time) bool { return c.Variant != "" && !now.Before(c.Until) }

// The codes of why a change ended before its time.
const (
	variantGone = "flag_variant_gone"
	flagGone    = "flag_gone"
)

// Gone tells why a change cannot hold by a configuration, which has no such flag or no such variant; zero:
// it can, or its time is over anyway.
func (c Change) Gone(configured []Flag, now time.Time) reason.Reason {
	if c.Variant == "" || c.Expired(now) {
		return reason.Reason{}
	}
	i := slices.IndexFunc(configured, func(f Flag) bool { return f.Name == c.Flag })
	if i < 0 {
		return reason.New(flagGone, "flag", c.Flag, "variant", c.Variant, "until", c.Until, "by", c.By, "run", c.Run)
	}
	if _, ok := configured[i].Values[c.Variant]; ok {
		return reason.Reason{}
	}
	return reason.New(variantGone, "flag", c.Flag, "variant", c.Variant, "until", c.Until, "by", c.By, "run", c.Run, "default", configured[i].Default)
}

// Dropped tells whether a change records that the configuration ended the one before it.
func (c Change) Dropped() bool {
	return c.Variant == "" && (c.Reason.Code == flagGone || c.Reason.Code == variantGone)
}

// Said is what the change of a flag is in the list of what happened.
func (c Change) Said(f Flag) reason.Reason {
	switch {
	case c.Dropped():
		return c.Reason
	case c.Variant == "":
		return reason.New("flag_default", "flag", f.Name, "variant", f.Default, "run", c.Run, "why", c.Reason)
	}
	return reason.New("flag_set", "flag", f.Name, "variant", c.Variant, "until", c.Until, "run", c.Run, "why", c.Reason)
}

// Evaluate gives what a flag is now. A change to a variant that the configuration does not have any
// more counts for nothing; see Change.Gone.
func Evaluate(f Flag, last Change, now time.Time) State {
	s := State{Flag: f, Variant: f.Default, Value: f.Values[f.Default], Change: last}
	if value, ok := f.Values[last.Variant]; ok && !last.Expired(now) {
		s.Variant, s.Value, s.Set = last.Variant, value, true
	}
	return s
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Check gives what is wrong with a change that somebody asks for, as an InvalidError; nil: nothing.
func (f Flag) Check(c Change) error {
	if c.Variant == "" {
		return nil
	}
	if _, ok := f.Values[c.Variant]; !ok {
		return &InvalidError{"variant", fmt.Sprintf("there is no variant %q; the choices are %s", c.Variant, f.names())}
	}
	switch length := c.Until.Sub(c.At); {
	case c.Until.IsZero():
		return &InvalidError{"for", "say for how long, such as 2h: the default holds again afterwards"}
	case length <= 0:
		return &InvalidError{"until", fmt.Sprintf("%s is in the past: it is %s now", instant(c.Until), instant(c.At))}
	case length > f.MaxFor:
		return &InvalidError{"for", fmt.Sprintf("at most %s (max_for), which is until %s", model.Duration(f.MaxFor), instant(c.At.Add(f.MaxFor)))}
	}
	return nil
}
