package actions

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/internal/secret"
)

// StepPreview is what a step of a run would do: its settings with the templates filled in.
type StepPreview struct {
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Timeout    model.Duration `json:"timeout"`
	Idempotent bool           `json:"idempotent"`
	Settings   []Setting      `json:"settings"`
	// Group: steps in a row of one group are done at the same time. Fallback: it is done only after
	// another step failed. Skipped is why it is not meant for the run; zero: it is.
	Group    string        `json:"group,omitempty"`
	Shop     string        `json:"shop,omitempty"`
	Fallback bool          `json:"fallback,omitempty"`
	Skipped  reason.Reason `json:"skipped,omitzero"`
	// Problem is why a template cannot be filled in; zero: each one can.
	Problem reason.Reason `json:"problem,omitzero"`
	// Plan is what it would do to its target, as that is now, and Refused why it would not; see
	// Planner.
	Plan    reason.Reason `json:"plan,omitzero"`
	Refused reason.Reason `json:"refused,omitzero"`
}

// Setting is one setting of a step.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// PreviewRun is the ID of a run that is only shown, and is never begun.
const PreviewRun = "r_dry-run"

// Preview tells what the steps of a run would do. It asks no target and does nothing. Secrets are
// masked: those that the redactor knows, and what looks like one in the configuration itself.
func (b *Runbook) Preview(run Run, r *secret.Redactor) []StepPreview {
	run.ID = PreviewRun
	var all []StepPreview
	for i, st := range b.begin(run) {
		s := b.Steps[i]
		p := StepPreview{
			Name: s.Name, Kind: s.Kind, Timeout: model.Duration(s.Timeout), Idempotent: s.Idempotent, Settings: []Setting{},
			Group: st.Group, Shop: st.Shop, Fallback: st.Fallback, Skipped: st.Skipped,
		}
		data, err := Call{Intent: intentOf(run.ID, i), Run: run, Step: st}.Data()
		v := preview{data: data, redactor: r}
		if err == nil {
			v.walk("", reflect.ValueOf(s.Settings))
			err = v.err
		}
		if err != nil {
			p.Problem = bounded(ReasonOf(err).Redact(r.Redact))
		}
		p.Settings = append(p.Settings, v.out...)
		all = append(all, p)
	}
	return all
}

// Written gives the settings of the step as they are configured, with their templates as they are
// written. Secrets are masked as in a preview.
func (s *StepSettings) Written(r *secret.Redactor) []Setting {
	v := preview{redactor: r, raw: true}
	v.walk("", reflect.ValueOf(s.Settings))
	return append([]Setting{}, v.out...)
}

// intentOf is the intent of step i of a run: made of both alone, so that a guardian that takes over
// makes the same one.
func intentOf(run string, i int) string { return run + "-" + strconv.Itoa(i+1) }

// preview fills in the templates of settings.
type preview struct {
	data     map[string]any
	redactor *secret.Redactor
	raw      bool // templates are left as they are
	out      []Setting
	err      error // the first template that cannot be filled in
}

// walk takes the settings that are set, by the keys of the configuration.
func (v *preview) walk(key string, x reflect.Value) {
	if !x.IsValid() || x.IsZero() {
		return
	}
	if text, ok := x.Interface().(fmt.Stringer); ok && x.Kind() != reflect.Pointer {
		v.out = append(v.out, Setting{key, text.String()}) // a secret, masked, or a duration
		return
	}
	switch x.Kind() {
	case reflect.Pointer, reflect.Interface:
		if e := x.Elem(); e.IsZero() && e.CanInt() { // no pods, no time: it is set
			v.out = append(v.out, Setting{key, fmt.Sprint(e.Interface())})
		}
		v.walk(key, x.Elem())
	case reflect.Struct:
		for f, value := range x.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name != "-" {
				v.walk(strings.TrimPrefix(key+"."+name, "."), value)
			}
		}
	case reflect.Map:
		names := x.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			v.walk(key+"."+name.String(), x.MapIndex(name))
		}
	case reflect.Slice:
		if x.Type().Elem().Kind() == reflect.Struct {
			for i := range x.Len() {
				v.walk(fmt.Sprintf("%s[%d]", key, i), x.Index(i))
			}
			return
		}
		v.list(key, x)
	case reflect.String:
		v.out = append(v.out, Setting{key, v.fill(x.String())})
	default:
		v.out = append(v.out, Setting{key, fmt.Sprint(x.Interface())})
	}
}

// list gives a list as one line of JSON.
func (v *preview) list(key string, x reflect.Value) {
	var items []any
	for i := range x.Len() {
		item := x.Index(i).Interface()
		if text, ok := item.(string); ok {
			item = v.fill(text)
		}
		items = append(items, item)
	}
	if b, err := asJSON(items); err == nil {
		v.out = append(v.out, Setting{key, b})
	}
}

// fill fills one template in. What needs a target's answer stays as it is written.
func (v *preview) fill(source string) string {
	t, err := ParseTemplate("preview", source)
	if err != nil {
		return Shown(masked(source, source), v.redactor) // no template
	}
	out := source
	if !v.raw && !t.UsesAnswer() {
		if out, err = t.Render(v.data); err != nil {
			if v.err == nil {
				v.err = err
			}
			out = source
		}
	}
	return Shown(masked(source, out), v.redactor)
}

// wordish finds what a credential may be in a text.
var wordish = regexp.MustCompile(`[A-Za-z0-9_.=+-]{16,}`)

// masked hides what the configuration itself holds in plain text and looks like a credential: by its
// looks, as the value of a query, and as a password in an address. What a template put in is
// left.
func masked(source, text string) string {
	hide := func(word string) {
		if word != "" && strings.Contains(source, word) {
			text = strings.ReplaceAll(text, word, secret.Mask)
		}
	}
	for _, word := range wordish.FindAllString(source, -1) {
		if secret.HeaderValue("", word) {
			hide(word)
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	if password, ok := u.User.Password(); ok {
		hide(password)
	}
	for name, values := range u.Query() {
		for _, value := range values {
			if secret.InHeader(name) || name == "key" {
				hide(value)
			}
		}
	}
	return text
}
