package oncall_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/oncall"
)

// Who makes an override goes before the schedule and before the overrides of the configuration.
func TestOverridesThatPeopleMake(t *testing.T) {
	at := time.Date(2026, 2, 2, 3, 0, 0, 0, time.UTC)
	people := []oncall.Person{{Name: "wei"}, {Name: "siti"}, {Name: "li"}}
	settings := []oncall.Settings{{
		Name: "orders", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05"}},
		Overrides: []oncall.Override{{Person: "siti", From: at.Add(4 * time.Hour), To: at.Add(6 * time.Hour)}},
	}}
	of := func(person, replaces string, from, to time.Duration) oncall.Made {
		return oncall.Made{ID: "o_1", Schedule: "orders", Person: person, Replaces: replaces, From: at.Add(from), To: at.Add(to)}
	}
	other := of("li", "", 0, 24*time.Hour)
	other.Schedule = "prices"
	for name, c := range map[string]struct {
		made []oncall.Made
		want string // on call each hour from at on
	}{
		"none":                             {nil, "wei wei wei wei siti siti wei"},
		"for everybody":                    {[]oncall.Made{of("li", "", time.Hour, 5*time.Hour)}, "wei li li li li siti wei"},
		"for one":                          {[]oncall.Made{of("li", "siti", 0, 9*time.Hour)}, "wei wei wei wei li li wei"},
		"for one of the schedule":          {[]oncall.Made{of("li", "wei", 0, 9*time.Hour)}, "li li li li siti siti li"},
		"of another schedule":              {[]oncall.Made{other}, "wei wei wei wei siti siti wei"},
		"of a person who is gone":          {[]oncall.Made{of("ada", "", 0, 9*time.Hour)}, "wei wei wei wei siti siti wei"},
		"taken back in between":            {[]oncall.Made{of("li", "", 0, 9*time.Hour).DeletedAt(at.Add(2 * time.Hour))}, "li li wei wei siti siti wei"},
		"taken back before it began":       {[]oncall.Made{of("li", "", 3*time.Hour, 9*time.Hour).DeletedAt(at)}, "wei wei wei wei siti siti wei"},
		"one for everybody and one of two": {[]oncall.Made{of("li", "", 0, time.Hour), of("siti", "wei", time.Hour, 2*time.Hour)}, "li siti wei wei siti siti wei"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := oncall.NewRoster(settings, nil, oncall.Options{People: people, Made: c.made})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for h := range 7 {
				got = append(got, r.Schedules[0].OnCall(at.Add(time.Duration(h)*time.Hour))...)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, want %s", strings.Join(got, " "), c.want)
			}
		})
	}
}

func TestWhichOverridesMayBeMade(t *testing.T) {
	now := time.Date(2026, 2, 2, 3, 0, 0, 0, time.UTC)
	r, err := oncall.NewRoster([]oncall.Settings{{Name: "orders", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05"}}}}, nil,
		oncall.Options{People: []oncall.Person{{Name: "wei"}, {Name: "siti"}, {Name: "li"}}})
	if err != nil {
		t.Fatal(err)
	}
	fine := oncall.Made{Schedule: "orders", Person: "siti", From: now, To: now.Add(time.Hour)}
	for name, c := range map[string]struct {
		change func(*oncall.Made)
		field  string
		others []oncall.Made
	}{
		"fine":                {func(*oncall.Made) {}, "", nil},
		"no such schedule":    {func(m *oncall.Made) { m.Schedule = "order" }, "schedule", nil},
		"no such person":      {func(m *oncall.Made) { m.Person = "ada" }, "person", nil},
		"nobody to replace":   {func(m *oncall.Made) { m.Replaces = "ada" }, "replaces", nil},
		"in place of oneself": {func(m *oncall.Made) { m.Replaces = "siti" }, "replaces", nil},
		"ends before":         {func(m *oncall.Made) { m.To = m.From }, "to", nil},
		"past":                {func(m *oncall.Made) { m.From, m.To = now.Add(-2*time.Hour), now }, "to", nil},
		"for half a year":     {func(m *oncall.Made) { m.To = now.AddDate(0, 6, 0) }, "to", nil},
		"another then":        {func(*oncall.Made) {}, "from", []oncall.Made{fine}},
		"another after":       {func(*oncall.Made) {}, "", []oncall.Made{{Schedule: "orders", Person: "li", From: fine.To, To: fine.To.Add(time.Hour)}}},
		"another's place":     {func(m *oncall.Made) { m.Replaces = "wei" }, "", []oncall.Made{{Schedule: "orders", Person: "li", Replaces: "li", From: now, To: fine.To}}},
		"another schedule's":  {func(*oncall.Made) {}, "", []oncall.Made{{Schedule: "prices", Person: "li", From: now, To: fine.To}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := fine
			c.change(&m)
			var wrong *oncall.MistakeError
			err := r.MayMake(m, slices.Clone(c.others), now)
			if errors.As(err, &wrong) != (c.field != "") || wrong != nil && wrong.Field != c.field {
				t.Errorf("%v, want one about %q", err, c.field)
			}
		})
	}
}
