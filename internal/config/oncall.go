package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"guardian/oncall"
)

// checkOnCall builds people, schedules and escalations, with the calendars that are files.
func (d *decoder) checkOnCall(c *Config, receivers []string) {
	d.unique("people", names(c.People, func(p oncall.Person) string { return p.Name }))
	d.unique("schedules", names(c.Schedules, func(s oncall.Settings) string { return s.Name }))
	d.unique("escalations", names(c.Escalations, func(e oncall.Escalation) string { return e.Name }))
	c.Calendars = map[string]*oncall.Calendar{}
	for i, s := range c.Schedules {
		for j, l := range s.Layers {
			if l.Calendar == nil {
				continue
			}
			path := at(at("schedules", i)+".layers", j) + ".calendar"
			if l.Calendar.File != "" {
				d.readCalendar(c, *l.Calendar, path+".file")
			}
			if l.Calendar.URL.IsSet() {
				d.checkURL(path+".url", l.Calendar.URL.Reveal())
			}
		}
	}
	var err error
	c.Roster, err = c.RosterWith(nil, nil)
	d.blameOnCall(err, "")
	for i, e := range c.Escalations {
		policy, err := oncall.NewPolicy(e, c.Roster, receivers)
		d.blameOnCall(err, at("escalations", i))
		c.Policies = append(c.Policies, policy)
	}
	d.checkHeartbeat(c.Heartbeat)
}

// RosterWith builds people and schedules with the calendars that are files, others that were read from
// addresses, by their source's key, and the overrides that people made.
func (c *Config) RosterWith(calendars map[string]*oncall.Calendar, made []oncall.Made) (*oncall.Roster, error) {
	receivers := names(c.Receivers, func(r Receiver) string { return r.Name })
	known := map[string]*oncall.Calendar{}
	maps.Copy(known, c.Calendars)
	maps.Copy(known, calendars)
	return oncall.NewRoster(c.Schedules, receivers, oncall.Options{People: c.People, Zone: c.Location(), Calendars: known, Made: made})
}

// personOf gives the person whom a receiver reaches alone.
func (c *Config) personOf(receiver string) (oncall.Person, bool) {
	var found []oncall.Person
	for _, p := range c.People {
		if slices.Contains(p.Receivers, receiver) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return oncall.Person{}, false
	}
	return found[0], true
}

// PersonalZones are the time zones of the receivers that reach one person alone.
func (c *Config) PersonalZones() map[string]*time.Location {
	zones := map[string]*time.Location{}
	for _, r := range c.Receivers {
		if p, ok := c.personOf(r.Name); ok && p.Timezone != "" {
			if zone, err := time.LoadLocation(p.Timezone); err == nil { // it was validated
				zones[r.Name] = zone
			}
		}
	}
	return zones
}

// CalendarAddresses are the addresses of the calendars of a schedule; "": of all schedules.
func (c *Config) CalendarAddresses(schedule string) []string {
	var all []string
	for _, s := range c.Schedules {
		for _, l := range s.Layers {
			if l.Calendar != nil && l.Calendar.URL.IsSet() && (schedule == "" || schedule == s.Name) {
				all = append(all, l.Calendar.Key())
			}
		}
	}
	return all
}

// blameOnCall locates mistakes whose texts begin with their paths.
func (d *decoder) blameOnCall(err error, path string) {
	for _, l := range leaves(err, "") {
		section := reflect.TypeFor[Config]()
		if path != "" {
			section = reflect.TypeFor[oncall.Escalation]()
		}
		place, problem := d.place(l, path, section)
		problem, hint, _ := strings.Cut(problem, ": ")
		d.blame(place, problem, hint)
	}
}

func (d *decoder) readCalendar(c *Config, source oncall.Source, path string) {
	content, err := readFile(source.File, oncall.MaxCalendar)
	if err != nil {
		d.blame(path, err.Error(), "")
		return
	}
	calendar, err := oncall.ParseCalendar(content)
	for _, one := range joined(err) {
		d.add(d.locate(path), path, one.Error(), "")
	}
	if calendar != nil {
		c.Calendars[source.Key()] = calendar
	}
}

// foreseeGaps warns of schedules by which nobody is on call at some times of the week, and of
// people in them whom no channel can reach.
func (d *decoder) foreseeGaps(c *Config) {
	for i, s := range c.Roster.Schedules {
		path := at("schedules", i)
		if gap, more := s.WeeklyGap(); !gap.From.IsZero() && s.Fallback == "" {
			const form = "Monday 15:04"
			text := fmt.Sprintf("nobody is on call from %s to %s each week", gap.From.In(s.Zone()).Format(form), gap.To.In(s.Zone()).Format(form))
			if more > 0 {
				text += fmt.Sprintf(", and at %d other times", more)
			}
			d.warn(path+".layers", text, "add a layer below the others for these times, or set fallback")
		}
		for _, name := range s.Members() {
			if p, ok := c.Roster.Person(name); ok && !p.Reachable() {
				d.warn(path, name+" is on call by it, and no channel can mention or reach them", "set mobile, slack, mail or receivers of the person")
			}
		}
	}
}
