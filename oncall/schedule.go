package oncall

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/internal/spelling"
)

// Settings is one configured schedule.
type Settings struct {
	Name      string     `yaml:"name" required:"true" doc:"The schedule's name in escalations."`
	Timezone  string     `yaml:"timezone" doc:"Time zone of hand-overs and times of the week, such as Asia/Shanghai; default: the server's."`
	Layers    []Layer    `yaml:"layers" required:"true" doc:"Who is on call: the first layer that has somebody at a time decides."`
	Overrides []Override `yaml:"overrides" doc:"Times in which somebody else is on call than the layers say."`
	Fallback  string     `yaml:"fallback" doc:"The receiver that is notified while nobody is on call."`
	Announce  []string   `yaml:"announce" doc:"Receivers that are told at each hand-over who is on call now, and which alerts are open."`
}

// Layer is one configured layer of a schedule: a rotation, or a calendar.
type Layer struct {
	Name     string         `yaml:"name" doc:"The layer's name on pages; default: its number."`
	People   []string       `yaml:"people" doc:"Who takes turns, in this order."`
	Start    string         `yaml:"start" doc:"The day on which the first person begins, such as 2026-01-05; nobody is on call by this layer before."`
	HandOver string         `yaml:"hand_over" doc:"Time of the day at which turns change, HH:MM, also when the clocks change; default: 09:00."`
	Length   model.Duration `yaml:"length" doc:"How long a turn lasts: 1d, 1w, 12h; default: 1w."`
	Times    []Times        `yaml:"times" doc:"Times of the week in which the layer applies; default: always. Turns go on meanwhile."`
	Calendar *Source        `yaml:"calendar" doc:"A calendar in iCalendar format instead of a rotation: whom an event's summary or attendees name is on call during it."`
}

// Source is where a calendar comes from.
type Source struct {
	File string        `yaml:"file" path:"true" doc:"Path of an .ics file."`
	URL  secret.Secret `yaml:"url" doc:"Address of a calendar, such as the secret address in iCal format of Google Calendar; it is read again every five minutes, and the last good copy stays in use."`
}

// Key tells sources apart: the file's path, or the address, which is a secret.
func (s Source) Key() string { return s.File + s.URL.Reveal() }

// Override puts somebody on call for a time, whatever the layers say.
type Override struct {
	Person   string    `yaml:"person" required:"true" doc:"Who is on call."`
	From     time.Time `yaml:"from" required:"true" doc:"Start (RFC 3339)."`
	To       time.Time `yaml:"to" required:"true" doc:"End (RFC 3339)."`
	Replaces string    `yaml:"replaces" doc:"Stand in for this person only, at the times at which they would be on call; default: for everybody, all the time."`
}

// Options is what schedules are made of beside their settings.
type Options struct {
	People []Person
	Zone   *time.Location // of schedules that set none; nil: UTC
	// Calendars are the contents of calendars, by Source.Key. One that is not there has not been
	// read yet: nobody is on call by it.
	Calendars map[string]*Calendar
	// Made are the overrides that people made while the guardian runs.
	Made []Made
}

// Schedule is a validated schedule. It is immutable.
type Schedule struct {
	Name     string
	Fallback string
	Announce []string

	zone      *time.Location
	layers    []layer
	overrides []Override
	made      []Override
}

// layer is a built Layer.
type layer struct {
	name    string
	spans   func(from, to time.Time) []span
	periods []period
	// unnamed gives the summaries of events within [from, to) that name nobody; nil: not a calendar.
	unnamed func(from, to time.Time) []string
	unread  bool // its calendar has not been read yet
	people  []string
	start   time.Time // of a rotation
}

// New builds a schedule. Its error joins all mistakes, each with its path, such as
// layers[0].start.
func New(s Settings, o Options) (*Schedule, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	zone, err := zoneNamed(s.Timezone, o.Zone)
	errs := []error{atKey("timezone", err)}
	out := &Schedule{Name: s.Name, Fallback: s.Fallback, Announce: s.Announce, zone: zone, overrides: s.Overrides, made: made(s.Name, o)}
	if len(s.Layers) == 0 {
		errs = append(errs, errors.New("layers is empty: nobody would ever be on call"))
	}
	for i, l := range s.Layers {
		built, err := l.build(zone, o)
		if built.name == "" {
			built.name = fmt.Sprintf("%d", i+1)
		}
		out.layers = append(out.layers, built)
		errs = append(errs, atKey(fmt.Sprintf("layers[%d]", i), err))
	}
	for i, v := range s.Overrides {
		errs = append(errs, atKey(fmt.Sprintf("overrides[%d]", i), v.check(s.Overrides[:i], o.People)))
	}
	return out, errors.Join(errs...)
}

func (l Layer) build(zone *time.Location, o Options) (layer, error) {
	out := layer{name: l.Name, people: l.People}
	var errs []error
	for i, t := range l.Times {
		p, err := t.build()
		out.periods = append(out.periods, p)
		errs = append(errs, atKey(fmt.Sprintf("times[%d]", i), err))
	}
	if l.Calendar != nil {
		errs = append(errs, l.calendarAlone())
		calendar, read := o.Calendars[l.Calendar.Key()]
		if !read {
			calendar = &Calendar{}
		}
		view := calendarView{Calendar: calendar, people: newDirectory(o.People), zone: zone}
		out.spans, out.unnamed, out.unread = view.spans, view.unnamed, !read
		return out, errors.Join(errs...)
	}
	if len(l.People) == 0 {
		errs = append(errs, errors.New("people is empty: name who takes turns, or a calendar"))
	}
	for i, name := range l.People {
		errs = append(errs, atKey(fmt.Sprintf("people[%d]", i), known(name, o.People)))
	}
	r, err := l.rotation(zone)
	out.spans, out.start = r.spans, r.handOver(0)
	return out, errors.Join(append(errs, err)...)
}

// calendarAlone finds keys of a rotation beside a calendar.
func (l Layer) calendarAlone() error {
	if (l.Calendar.File == "") == (l.Calendar.URL.Reveal() == "") {
		return errors.New("calendar must have either file or url")
	}
	for _, k := range []struct {
		key string
		set bool
	}{{"people", len(l.People) > 0}, {"start", l.Start != ""}, {"hand_over", l.HandOver != ""}, {"length", l.Length != 0}} {
		if k.set {
			return fmt.Errorf("%s must be left out beside a calendar, which says who is on call when", k.key)
		}
	}
	return nil
}

func known(name string, people []Person) error {
	if slices.ContainsFunc(people, func(p Person) bool { return p.Name == name }) {
		return nil
	}
	names := make([]string, len(people))
	for i, p := range people {
		names[i] = p.Name
	}
	return fmt.Errorf("there is no person %q; %s", name, spelling.Hint(name, names))
}

// check finds mistakes in an override; before are those above it.
func (v Override) check(before []Override, people []Person) error {
	errs := []error{atKey("person", known(v.Person, people))}
	if v.Replaces != "" {
		errs = append(errs, atKey("replaces", known(v.Replaces, people)))
	}
	if !v.From.Before(v.To) {
		errs = append(errs, errors.New("to is not after from"))
	}
	for i, w := range before {
		sameTime := v.From.Before(w.To) && w.From.Before(v.To)
		if sameTime && (v.Replaces == "" || w.Replaces == "" || v.Replaces == w.Replaces) {
			errs = append(errs, fmt.Errorf("from is within overrides[%d], which puts %s on call: make one of them end where the other begins", i, w.Person))
		}
	}
	return errors.Join(errs...)
}

func (v Override) contains(t time.Time) bool { return !t.Before(v.From) && t.Before(v.To) }
