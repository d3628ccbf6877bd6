package config

import (
	"fmt"
	"time"

	"guardian/internal/flags"
	"guardian/oncall"
)

// keepPlaces remembers where flags, people and schedules are in the file, for Dropped.
func (d *decoder) keepPlaces(c *Config) {
	c.places = map[string]Mistake{}
	for _, list := range []string{"flags", "people", "schedules"} {
		c.places[list] = d.placed(list, "", "")
	}
	for i, f := range c.Flags {
		c.places["flags/"+f.Name] = d.placed(at("flags", i)+".variants", "", "")
	}
}

// Dropped warns of what people set while the guardian runs, and for which this configuration has no place:
// kill switches that are set to a variant that there is not, and overrides of shifts for people or
// schedules that there are not.
func (c *Config) Dropped(changes []flags.Change, made []oncall.Made, now time.Time) Mistakes {
	var all Mistakes
	add := func(place, problem, hint string) {
		m := c.places[place]
		m.Problem, m.Hint = problem, hint
		all = append(all, m)
	}
	for _, change := range changes {
		why := change.Gone(c.Switches, now)
		if why.IsZero() {
			continue
		}
		place := "flags/" + change.Flag
		if _, ok := c.places[place]; !ok {
			place = "flags"
		}
		add(place, why.String(), "keep it in the configuration until then, or end it first with: guardian flag reset "+change.Flag)
	}
	for _, m := range made {
		if why := c.Roster.Lacks(m); why != nil && m.To.After(now) {
			place := "people"
			if _, ok := c.Roster.Schedule(m.Schedule); !ok {
				place = "schedules"
			}
			add(place, fmt.Sprintf("override %s puts %s on call by %s until %s, and %s: it does not count", m.ID, m.Person, m.Schedule, m.To.UTC().Format(time.RFC3339), why),
				"make another one, and delete it with: guardian oncall override delete "+m.ID)
		}
	}
	return all
}
