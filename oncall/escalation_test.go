package oncall_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/oncall"
)

func TestMistakesInAnEscalationAreNamed(t *testing.T) {
	roster, err := oncall.NewRoster([]oncall.Settings{{Name: "orders", Layers: []oncall.Layer{{People: []string{"wei", "li"}, Start: "2026-01-05"}}}},
		[]string{"group", "wei-sms"}, oncall.Options{People: []oncall.Person{{Name: "wei", Receivers: []string{"wei-sms"}}, {Name: "li"}}})
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"{}"}
	group := oncall.Step{Receivers: []string{"group"}}
	for want, e := range map[string]oncall.Escalation{
		"":                                        {Matchers: all, Steps: []oncall.Step{group}},
		`matchers is empty`:                       {Steps: []oncall.Step{group}},
		`matchers[0]: matcher "x"`:                {Matchers: []string{"x"}, Steps: []oncall.Step{group}},
		`steps is empty`:                          {Matchers: all},
		`repeat must be between`:                  {Matchers: all, Steps: []oncall.Step{group}, Repeat: 10},
		`steps[1]: notifies nobody`:               {Matchers: all, Steps: []oncall.Step{group, {}}},
		`steps[0]: wait must be at least 10s`:     {Matchers: all, Steps: []oncall.Step{{Receivers: []string{"group"}, Wait: model.Duration(time.Second)}}},
		`steps[0]: receivers[0]: receiver "x" is`: {Matchers: all, Steps: []oncall.Step{{Receivers: []string{"x"}}}},
		`schedule: there is no schedule "x"`:      {Matchers: all, Steps: []oncall.Step{{Schedule: "x"}}},
		`schedule: li has no receivers`:           {Matchers: all, Steps: []oncall.Step{{Schedule: "orders"}}},
		`person: there is no person "x"`:          {Matchers: all, Steps: []oncall.Step{{Person: "x", Receivers: []string{"group"}}}},
		`person: li has no receivers`:             {Matchers: all, Steps: []oncall.Step{{Person: "li"}}},
	} {
		_, err := oncall.NewPolicy(e, roster, []string{"group", "wei-sms"})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTheWeeklyGapOfASchedule(t *testing.T) {
	office := oncall.Layer{People: []string{"wei"}, Start: "2026-01-05", Times: []oncall.Times{{Weekdays: []string{"monday:friday"}, From: "09:00", To: "18:00"}}}
	nights := oncall.Layer{People: []string{"li"}, Start: "2026-03-26", Times: []oncall.Times{{Weekdays: []string{"monday:thursday"}, From: "18:00", To: "09:00"}}}
	for name, c := range map[string]struct {
		layers []oncall.Layer
		want   string
		more   int
	}{
		"none":                        {[]oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05"}}, "", 0},
		"office hours alone":          {[]oncall.Layer{office}, "Mon 18:00 Tue 09:00", 4},
		"the weekend":                 {[]oncall.Layer{office, nights}, "Fri 18:00 Mon 09:00", 0},
		"a calendar may fill the gap": {[]oncall.Layer{office, {Calendar: &oncall.Source{File: "x.ics"}}}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, oncall.Settings{Timezone: "Europe/Berlin", Layers: c.layers})
			gap, more := s.WeeklyGap()
			got := ""
			if !gap.From.IsZero() {
				got = gap.From.In(s.Zone()).Format("Mon 15:04") + " " + gap.To.In(s.Zone()).Format("Mon 15:04")
			}
			if got != c.want || more != c.more {
				t.Errorf("got %q and %d more, want %q and %d", got, more, c.want, c.more)
			}
		})
	}
}
