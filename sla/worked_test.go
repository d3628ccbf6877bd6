package sla_test

import (
	"strings"
	"testing"
	"time"

	"guardian/probes/sample"
	"guardian/sla"
)

// Each case is worked out by hand; why says how.
func TestWorkedByHand(t *testing.T) {
	const h = time.Hour
	day := func(text string) time.Time {
		d, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	in := func(zoneName, text string) time.Time {
		d, err := time.ParseInLocation("2006-01-02 15:04", text, zone(t, zoneName))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	later := day("2030-01-01 00:00")
	up := func(from, to string) sla.Interval { return iv("push", sample.Up, day(from), day(to)) }
	down := func(from, to string) sla.Interval { return iv("push", sample.Down, day(from), day(to)) }
	for name, c := range map[string]struct {
		why                   string
		period, zone          string
		now                   time.Time
		facts                 sla.Facts
		wall, up, down, blind time.Duration
		availability, low     float64 // high is low + the share of the blind time
		allowed               time.Duration
		incidents             int
		charged               time.Duration
	}{
		"a month with one outage": {
			why:    "November has 30 × 24 = 720 h; 3 of them down: 717/720. 0.1 % of 720 h are 43 min 12 s.",
			period: "2026-11", now: later,
			facts: sla.Facts{Intervals: []sla.Interval{up("2026-11-01 00:00", "2026-11-10 00:00"), down("2026-11-10 00:00", "2026-11-10 03:00"), up("2026-11-10 03:00", "2026-12-01 00:00")}},
			wall:  720 * h, up: 717 * h, down: 3 * h, availability: 717. / 720, low: 717. / 720, allowed: 43*time.Minute + 12*time.Second, incidents: 1, charged: 3 * h,
		},
		"an outage over the end of a month is of both, with the part that is in it": {
			why:    "Of 4 hours from 22:00 on the last day of October, 2 are in November: 718/720.",
			period: "2026-11", now: later,
			facts: sla.Facts{Intervals: []sla.Interval{down("2026-10-31 22:00", "2026-11-01 02:00"), up("2026-11-01 02:00", "2026-12-01 00:00")}},
			wall:  720 * h, up: 718 * h, down: 2 * h, availability: 718. / 720, low: 718. / 720, allowed: 43*time.Minute + 12*time.Second, incidents: 1, charged: 2 * h,
		},
		"a quarter": {
			why:    "October to December have 31 + 30 + 31 = 92 days, 2208 h; two outages of 6 h, a month apart: 2196/2208. 0.1 % of 2208 h are 2 h 12 min 28.8 s.",
			period: "2026-Q4", now: later,
			facts: sla.Facts{Intervals: []sla.Interval{
				up("2026-10-01 00:00", "2026-10-05 00:00"), down("2026-10-05 00:00", "2026-10-05 06:00"), up("2026-10-05 06:00", "2026-11-05 00:00"),
				down("2026-11-05 00:00", "2026-11-05 06:00"), up("2026-11-05 06:00", "2027-01-01 00:00"),
			}},
			wall: 2208 * h, up: 2196 * h, down: 12 * h, availability: 2196. / 2208, low: 2196. / 2208, allowed: 7948800 * time.Millisecond, incidents: 2, charged: 12 * h,
		},
		"a leap year": {
			why:    "2028 has 366 days, 8784 h, of which 87 h 50 min 24 s (1 %) are down.",
			period: "2028", now: later,
			facts: sla.Facts{Intervals: []sla.Interval{down("2028-01-01 00:00", "2028-01-04 15:50"), iv("push", sample.Down, day("2028-01-04 15:50"), day("2028-01-04 15:50").Add(24*time.Second)), iv("push", sample.Up, day("2028-01-04 15:50").Add(24*time.Second), day("2029-01-01 00:00"))}},
			wall:  8784 * h, up: 8784*h - 316224*time.Second, down: 316224 * time.Second, availability: 0.99, low: 0.99, allowed: 31622400 * time.Millisecond, incidents: 1, charged: 316224 * time.Second,
		},
		"a day with 25 hours": {
			why:    "On 25 October 2026 clocks in Berlin go back: the day has 25 h. Down from 02:30 summer time (00:30 UTC) to 02:30 winter time (01:30 UTC) is one hour.",
			period: "2026-10-25..2026-10-25", zone: "Europe/Berlin", now: later,
			facts: sla.Facts{Intervals: []sla.Interval{up("2026-10-24 00:00", "2026-10-25 00:30"), down("2026-10-25 00:30", "2026-10-25 01:30"), up("2026-10-25 01:30", "2026-10-27 00:00")}},
			wall:  25 * h, up: 24 * h, down: h, availability: 24. / 25, low: 24. / 25, allowed: 90 * time.Second, incidents: 1, charged: h,
		},
		"a day with 23 hours": {
			why:    "On 29 March 2026 clocks in Berlin go forward: the day has 23 h.",
			period: "2026-03-29..2026-03-29", zone: "Europe/Berlin", now: later,
			facts: sla.Facts{Intervals: []sla.Interval{iv("push", sample.Up, in("Europe/Berlin", "2026-03-28 00:00"), in("Europe/Berlin", "2026-03-31 00:00"))}},
			wall:  23 * h, up: 23 * h, availability: 1, low: 1, allowed: 82800 * time.Millisecond,
		},
		"two checks that are down at once are down once": {
			why:    "push is down from 10:00 to 12:00, api from 11:00 to 13:00: the service from 10:00 to 13:00.",
			period: "2026-11-10..2026-11-10", now: later,
			facts: sla.Facts{Services: oneService("push", "api"), Intervals: []sla.Interval{
				up("2026-11-10 00:00", "2026-11-10 10:00"), down("2026-11-10 10:00", "2026-11-10 12:00"), up("2026-11-10 12:00", "2026-11-11 00:00"),
				iv("api", sample.Up, day("2026-11-10 00:00"), day("2026-11-10 11:00")), iv("api", sample.Down, day("2026-11-10 11:00"), day("2026-11-10 13:00")), iv("api", sample.Up, day("2026-11-10 13:00"), day("2026-11-11 00:00")),
			}},
			wall: 24 * h, up: 21 * h, down: 3 * h, availability: 21. / 24, low: 21. / 24, allowed: 86400 * time.Millisecond, incidents: 1, charged: 3 * h,
		},
		"maintenance that was announced before is in neither": {
			why:    "Of 24 h, 2 are maintenance, in which it is down for all of it; the other hour down counts: 21 of 22. 0.1 % of 22 h are 79.2 s.",
			period: "2026-11-10..2026-11-10", now: later,
			facts: sla.Facts{
				Intervals:   []sla.Interval{up("2026-11-10 00:00", "2026-11-10 10:00"), down("2026-11-10 10:00", "2026-11-10 13:00"), up("2026-11-10 13:00", "2026-11-11 00:00")},
				Maintenance: []sla.Maintenance{{Name: "db", From: day("2026-11-10 10:00"), To: day("2026-11-10 12:00"), Announced: day("2026-11-09 09:00")}},
			},
			wall: 24 * h, up: 21 * h, down: h, availability: 21. / 22, low: 21. / 22, allowed: 79200 * time.Millisecond, incidents: 1, charged: h,
		},
		"maintenance that was announced in the middle counts from then on": {
			why:    "Announced at 11:00, an hour of it counts as maintenance: down are 10:00 to 11:00 and 12:00 to 13:00.",
			period: "2026-11-10..2026-11-10", now: later,
			facts: sla.Facts{
				Intervals:   []sla.Interval{up("2026-11-10 00:00", "2026-11-10 10:00"), down("2026-11-10 10:00", "2026-11-10 13:00"), up("2026-11-10 13:00", "2026-11-11 00:00")},
				Maintenance: []sla.Maintenance{{Name: "db", From: day("2026-11-10 10:00"), To: day("2026-11-10 12:00"), Announced: day("2026-11-10 11:00")}},
			},
			wall: 24 * h, up: 21 * h, down: 2 * h, availability: 21. / 23, low: 21. / 23, allowed: 82800 * time.Millisecond, incidents: 1, charged: 2 * h,
		},
		"blind time is in neither, and leaves an interval": {
			why:    "12 h up, 2 down, 10 not seen: 12/14, and between 12/24 and 22/24. The budget is of the 14 h that were seen: 50.4 s.",
			period: "2026-11-10..2026-11-10", now: later,
			facts: sla.Facts{Known: map[string]time.Time{"push": day("2026-01-01 00:00")}, Intervals: []sla.Interval{up("2026-11-10 00:00", "2026-11-10 12:00"), down("2026-11-10 12:00", "2026-11-10 14:00")}},
			wall:  24 * h, up: 12 * h, down: 2 * h, blind: 10 * h, availability: 12. / 14, low: 12. / 24, allowed: 50400 * time.Millisecond, incidents: 1, charged: 2 * h,
		},
		"no data is no availability, not a full one": {
			why:    "Nothing was seen of 24 h: there is no figure, and it lies between 0 and 1.",
			period: "2026-11-10..2026-11-10", now: later,
			facts: sla.Facts{Known: map[string]time.Time{"push": day("2026-01-01 00:00")}},
			wall:  24 * h, blind: 24 * h, availability: -1, low: 0,
		},
		"a service that began in the middle has no time before": {
			why:    "The first look was on the 16th at 00:00: 15 days, 360 h, of which 36 h are down: 0.9. 0.1 % of 360 h are 21 min 36 s.",
			period: "2026-11", now: later,
			facts: sla.Facts{Known: map[string]time.Time{"push": day("2026-11-16 00:00")}, Intervals: []sla.Interval{up("2026-11-16 00:00", "2026-11-20 00:00"), down("2026-11-20 00:00", "2026-11-21 12:00"), up("2026-11-21 12:00", "2026-12-01 00:00")}},
			wall:  360 * h, up: 324 * h, down: 36 * h, availability: 0.9, low: 0.9, allowed: 21*time.Minute + 36*time.Second, incidents: 1, charged: 36 * h,
		},
		"a service that nobody looked at yet has no time at all": {
			why:    "Its first look is after the period.",
			period: "2026-11", now: later,
			facts:        sla.Facts{Known: map[string]time.Time{"push": day("2026-12-16 00:00")}},
			availability: -1, low: -1,
		},
		"a running month is reported until now, its budget is that of the whole": {
			why:    "Until the 11th at 00:00, 240 h, 1 of them down: 239/240. 0.1 % of 720 h are 43 min 12 s.",
			period: "2026-11", now: day("2026-11-11 00:00"),
			facts: sla.Facts{Intervals: []sla.Interval{up("2026-11-01 00:00", "2026-11-05 00:00"), down("2026-11-05 00:00", "2026-11-05 01:00"), up("2026-11-05 01:00", "2026-11-11 06:00")}},
			wall:  240 * h, up: 239 * h, down: h, availability: 239. / 240, low: 239. / 240, allowed: 43*time.Minute + 12*time.Second, incidents: 1, charged: h,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.facts
			if f.Services == nil {
				f.Services = oneService("push")
			}
			loc := time.UTC
			if c.zone != "" {
				loc = zone(t, c.zone)
			}
			s := sla.Build(f, period(t, c.period), c.now, loc).Services[0]
			if got := s.Times; got.Wall.Duration() != c.wall || got.Up.Duration() != c.up || got.Down.Duration() != c.down || got.Blind.Duration() != c.blind {
				t.Errorf("%s\ngot wall %s, up %s, down %s, blind %s", c.why, got.Wall, got.Up, got.Down, got.Blind)
			}
			figure := func(what string, got sla.Figure, want float64) {
				if got.Known != (want >= 0) || got.Known && (got.Value-want > 1e-12 || want-got.Value > 1e-12) {
					t.Errorf("%s\n%s is %v (known: %v), want %v", c.why, what, got.Value, got.Known, want)
				}
			}
			figure("availability", s.Availability, c.availability)
			figure("the lowest", s.AvailabilityLow, c.low)
			high := c.low
			if seen := c.up + c.down + c.blind; seen > 0 {
				high += float64(c.blind) / float64(seen)
			}
			figure("the highest", s.AvailabilityHigh, high)
			if got := s.Budget.Allowed.Duration(); got != c.allowed {
				t.Errorf("%s\nthe budget is %s, want %s", c.why, got, c.allowed)
			}
			var charged time.Duration
			for _, i := range s.Incidents {
				charged += i.Charged.Duration()
			}
			if len(s.Incidents) != c.incidents || charged != c.charged {
				t.Errorf("%s\n%d incidents with %s, want %d with %s", c.why, len(s.Incidents), charged, c.incidents, c.charged)
			}
		})
	}
}

func TestWhatBelongsTogetherIsOneIncident(t *testing.T) {
	minutes := func(checks string, pairs ...int) (all []sla.Interval) {
		from := at(10, 0, 0)
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, iv(checks, sample.Up, from, at(10, 0, pairs[i])), iv(checks, sample.Down, at(10, 0, pairs[i]), at(10, 0, pairs[i+1])))
			from = at(10, 0, pairs[i+1])
		}
		return append(all, iv(checks, sample.Up, from, at(11, 0, 0)))
	}
	deploy := func(id string, from, to int, run string) sla.DeployFact {
		return sla.DeployFact{ID: "d" + id, Watch: "w" + id, Service: "order-sync", At: at(10, 0, from), WatchEnds: at(10, 0, to), Run: run, RunStarted: at(10, 0, to)}
	}
	for name, c := range map[string]struct {
		facts sla.Facts
		want  []int // downtimes of each incident
	}{
		"a check that flaps":                  {sla.Facts{Intervals: minutes("push", 60, 61, 65, 66, 75, 76)}, []int{3}},
		"a check that was up for ten minutes": {sla.Facts{Intervals: minutes("push", 60, 61, 71, 72)}, []int{1, 1}},
		"another check soon after":            {sla.Facts{Services: oneService("push", "api"), Intervals: append(minutes("push", 60, 61), minutes("api", 63, 64)...)}, []int{1, 1}},
		"one deploy that fails now and then for an hour": {
			sla.Facts{Deploys: []sla.DeployFact{deploy("1", 59, 130, "")}, Intervals: minutes("push", 60, 61, 90, 91, 120, 121)}, []int{3},
		},
		"two deploys, one right after the other": {
			sla.Facts{Deploys: []sla.DeployFact{deploy("1", 59, 62, ""), deploy("2", 63, 70, "")}, Intervals: minutes("push", 60, 61, 64, 65)}, []int{1, 1},
		},
		"a deploy, and the same check again soon after its watch": {
			sla.Facts{Deploys: []sla.DeployFact{deploy("1", 59, 62, "")}, Intervals: minutes("push", 60, 61, 64, 65)}, []int{2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.facts.Services == nil {
				c.facts.Services = oneService("push")
			}
			s := build(c.facts, at(12, 0, 0))
			var got []int
			for _, i := range s.Incidents {
				got = append(got, i.Times)
				if i.To.Before(i.From) || i.Down > sla.Span(i.To.Sub(i.From)) || len(i.Checks) == 0 || i.Reason.IsZero() {
					t.Errorf("%+v", i)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

// A name that a spreadsheet would take for a formula is written as text.
func TestNoCellIsAFormula(t *testing.T) {
	for name, want := range map[string]string{"=1+1": "'=1+1", "+a": "'+a", "-a": "'-a", "@a": "'@a", "a=b": "a=b", "订单": "订单"} {
		var out strings.Builder
		if err := sla.Build(sla.Facts{Services: []sla.Service{{Name: name}}}, nov(), at(2, 0, 0), time.UTC).CSV(&out); err != nil {
			t.Fatal(err)
		}
		if line := strings.Split(out.String(), "\n")[1]; !strings.HasPrefix(line, "2026-11,"+want+",") {
			t.Errorf("%s: %s", name, line)
		}
	}
}
