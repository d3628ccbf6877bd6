package decide_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/decide"
)

func TestFaults(t *testing.T) {
	now := firedAt()
	const gib = 1 << 30
	for name, c := range map[string]struct {
		vitals decide.Vitals
		want   string // the fault; "": none
	}{
		"all is well":                         {decide.Vitals{LooksLate: 50 * time.Second, RulesLate: 50 * time.Second, Undelivered: now.Add(-10 * time.Minute), Disk: decide.Disk{Free: 100 * gib, Size: 200 * gib}, ClockOff: -20 * time.Second}, ""},
		"nothing is known":                    {decide.Vitals{}, ""},
		"a look is overdue":                   {decide.Vitals{LateCheck: "push", LooksLate: 2 * time.Minute}, decide.FaultLooks},
		"a group of rules is overdue":         {decide.Vitals{LateGroup: "orders", RulesLate: 2 * time.Minute}, decide.FaultRules},
		"a notice waits":                      {decide.Vitals{Undelivered: now.Add(-12 * time.Minute)}, decide.FaultOutbox},
		"the journal takes no writes":         {decide.Vitals{Journal: "the disk is full"}, decide.FaultJournal},
		"a small disk is nearly full":         {decide.Vitals{Disk: decide.Disk{Free: gib, Size: 40 * gib}}, decide.FaultDisk},
		"a huge disk has room in its last 5%": {decide.Vitals{Disk: decide.Disk{Free: 100 * gib, Size: 10_000 * gib}}, ""},
		"a tiny disk with half of it free":    {decide.Vitals{Disk: decide.Disk{Free: 100 << 20, Size: 200 << 20}}, decide.FaultDisk},
		"somebody tries tokens":               {decide.Vitals{Guessers: []string{"203.0.113.9"}, Guesses: 20}, decide.FaultGuesses},
		"a disk takes no more files":          {decide.Vitals{Disk: decide.Disk{Free: 100 * gib, Size: 200 * gib, InodesFree: 3, Inodes: 1000}}, decide.FaultDisk},
		"a disk without inodes of its own":    {decide.Vitals{Disk: decide.Disk{Free: 100 * gib, Size: 200 * gib}}, ""},
		"a check is down without a journal":   {decide.Vitals{Down: []string{"orders/push"}}, decide.FaultOutage},
		"the clock is slow":                   {decide.Vitals{ClockOff: -time.Minute}, decide.FaultClock},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range c.vitals.Faults(now) {
				got = append(got, f.Name)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

func TestWhatStopsTheHeartbeat(t *testing.T) {
	for name, stops := range map[string]bool{
		decide.FaultLooks: true, decide.FaultRules: true, decide.FaultOutbox: true, decide.FaultJournal: true, decide.FaultFolder: true, decide.FaultOutage: true, decide.FaultDisk: false, decide.FaultClock: false, decide.FaultSeries: false, decide.FaultForeign: false,
	} {
		if well := decide.Well([]decide.Fault{{Name: name}}); well == stops {
			t.Errorf("with the fault %s the heartbeat is sent: %v", name, well)
		}
	}
}

// TestWhatIsToldPastTheOutbox: the notice of a fault does not depend on what failed.
func TestWhatIsToldPastTheOutbox(t *testing.T) {
	for _, name := range decide.FaultNames() {
		want := name == decide.FaultOutbox || name == decide.FaultJournal || name == decide.FaultDisk || name == decide.FaultFolder || name == decide.FaultOutage // a full disk takes no journal
		if got := (decide.Fault{Name: name}).Direct(); got != want {
			t.Errorf("%s: told past the outbox: %v", name, got)
		}
	}
}

// What the guardian forgets meanwhile is told within ten seconds: measurements are five seconds apart.
func TestAJournalThatIsAwayIsToldAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		vitals decide.Vitals
		after  time.Duration
	}{
		"the journal":   {decide.Vitals{Journal: "disk full"}, 5 * time.Second},
		"the folder":    {decide.Vitals{Folder: "/data"}, 0},
		"an outage":     {decide.Vitals{Down: []string{"orders/push"}}, 5 * time.Second},
		"a full disk":   {decide.Vitals{Disk: decide.Disk{Size: 1 << 30}}, 5 * time.Second},
		"no inodes":     {decide.Vitals{Disk: decide.Disk{Size: 1 << 40, Free: 1 << 39, Inodes: 1000}}, 5 * time.Second},
		"anything else": {decide.Vitals{Overflows: []decide.Overflow{{Source: "remote_write", Limit: 5, Metric: "ext"}}}, time.Minute},
	} {
		var check decide.SelfCheck
		for passed := time.Duration(0); ; passed += 5 * time.Second {
			now := firedAt().Add(passed)
			news := check.Step(c.vitals.Faults(now), now)
			if passed > time.Hour || len(news) > 0 {
				if passed != c.after || len(news) != 1 {
					t.Errorf("%s: told after %s, %v", name, passed, news)
				}
				break
			}
		}
	}
}

// TestAnOutageIsToldAgainWhenMoreIsDown, and its end is not: its alert tells that.
func TestAnOutageIsToldAgainWhenMoreIsDown(t *testing.T) {
	var check decide.SelfCheck
	var told []string
	for i, down := range []string{"", "a", "a", "a", "a b", "a b", "b", "a b", "a b", "c", "c", "c", "c", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""} {
		now := firedAt().Add(time.Duration(i) * 5 * time.Second)
		for _, n := range check.Step(decide.Vitals{Down: strings.Fields(down)}.Faults(now), now) {
			told = append(told, fmt.Sprintf("%d %v %s", i, n.Over, strings.Join(n.Of, " ")))
			check.Told(n, now)
		}
	}
	if got := strings.Join(told, ", "); got != "2 false a, 4 false a b, 9 false c" {
		t.Errorf("told: %s", got)
	}
}

// One overflow does not hide another: that checks are blind is more than that others are refused.
func TestOverflowsOfOwnSeriesAreToldBesideThoseOfOthers(t *testing.T) {
	faults := decide.Vitals{Overflows: []decide.Overflow{
		{Source: "checks", Own: true, Limit: 5, Metric: "probe_success"}, {Source: "computed", Own: true}, {Source: "remote_write", Limit: 7, Metric: "ext_orders"},
	}}.Faults(firedAt())
	if len(faults) != 2 || faults[0].Name != decide.FaultSeries || faults[1].Name != decide.FaultForeign || !strings.Contains(faults[1].Why.String(), "ext_orders") {
		t.Errorf("%v", faults)
	}
}

// TestPeopleHearOfFaults plays a minute for each letter: x is a fault, and . is none.
func TestPeopleHearOfFaults(t *testing.T) {
	for name, c := range map[string]struct{ minutes, want string }{
		"a fault that lasts, and its end":         {".xxxx....", "2 began, 6 over"},
		"a fault of a moment":                     {".x.x.x...", ""},
		"a moment without it is not its end":      {".xxx.xxx..", "2 began, 9 over"},
		"it is told again":                        {strings.Repeat("x", 245), "1 began, 241 began"},
		"a fault that comes again is told again":  {"xx..xx..", "1 began, 3 over, 5 began, 7 over"},
		"one that was told only once is not over": {"x....", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var check decide.SelfCheck
			var told []string
			for i, letter := range c.minutes {
				now := firedAt().Add(time.Duration(i) * time.Minute)
				var faults []decide.Fault
				if letter == 'x' {
					faults = []decide.Fault{{Name: decide.FaultJournal}}
				}
				for _, n := range check.Step(faults, now) {
					told = append(told, fmt.Sprintf("%d %s", i, map[bool]string{true: "over", false: "began"}[n.Over]))
					check.Told(n, now)
				}
			}
			if got := strings.Join(told, ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestANoticeThatCouldNotBeSentIsNewsAgain(t *testing.T) {
	var check decide.SelfCheck
	faults := []decide.Fault{{Name: decide.FaultJournal}}
	check.Step(faults, firedAt())
	for i := range 3 {
		if news := check.Step(faults, firedAt().Add(time.Duration(i+1)*time.Minute)); len(news) != 1 {
			t.Errorf("minute %d: %d news", i+1, len(news))
		}
	}
}

// Who guesses is told at once, with new addresses within the hour, and not every five seconds.
func TestGuessesAreToldOncePerHour(t *testing.T) {
	var c decide.SelfCheck
	now, told := firedAt(), []string{}
	for second := 0; second < 3*3600; second += 5 {
		v := decide.Vitals{Guessers: []string{"203.0.113.9", "203.0.113.10", "203.0.113.11", "2001:db8::/64"}, Guesses: 20 + second}
		if second >= 2*3600 {
			v = decide.Vitals{}
		}
		at := now.Add(time.Duration(second) * time.Second)
		for _, n := range c.Step(v.Faults(at), at) {
			told = append(told, fmt.Sprintf("%d %v %s", second/60, n.Over, n.Why))
			c.Told(n, at)
		}
	}
	want := []string{"0 false 20 ", "60 false 3620 ", "121 true "}
	for i, w := range want {
		if len(told) != len(want) || !strings.HasPrefix(told[i], w) {
			t.Fatalf("told %q, want %q", told, want)
		}
	}
	if !strings.Contains(told[0], "203.0.113.9, 203.0.113.10 and 203.0.113.11, and 1 other address;") {
		t.Errorf("it says %q", told[0])
	}
}
