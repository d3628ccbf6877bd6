package decide_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/decide"
	"guardian/watch"
)

// TestWhatPeopleHearOfBlindness plays what three checks see, one letter for each minute: "." sees,
// "x" is blind. push and read share a network path, and control proves it; while its line has a
// "#" the path is cut off. lone is on a path of its own; without a line there is no such check.
func TestWhatPeopleHearOfBlindness(t *testing.T) {
	for name, c := range map[string]struct {
		control, push, read, lone string
		before                    map[string]time.Duration // of what people were notified before this leadership
		refused                   string                   // minutes in which the journal takes no notice
		want                      string
	}{
		"one check, once that it began and once that it ended": {
			control: "..........", push: ".xxxxxx...", read: "..........", lone: "..........",
			want: "4 check_blind push, 7 check_sees push",
		},
		"short blindness is no news": {
			control: "......", push: ".xxx..", read: "......", lone: "......",
		},
		"a path that is cut off is one notice": {
			control: ".#######......", push: ".xxxxxxx......", read: ".xxxxxxx......", lone: "..............",
			want: "4 path_cut main, 8 path_back main",
		},
		"after a path is back its checks have time to look again": {
			control: ".#######......", push: ".xxxxxxxxxxxxx", read: ".xxxxxxx......", lone: "..............",
			want: "4 path_cut main, 8 path_back main, 11 check_blind push",
		},
		"no check at all can look, which no path explains": {
			control: ".xxxxxx...", push: ".xxxxxx...", read: ".xxxxxx...", lone: ".xxxxxx...",
			want: "4 all_blind, 7 all_see",
		},
		"all checks are on a path that is cut off, which explains it": {
			control: ".#######..", push: ".xxxxxxx..", read: ".xxxxxxx..",
			want: "2 path_cut main orders, 8 path_back main",
		},
		"a cut that hides a whole service is told after a minute, once all its checks cannot look": {
			control: ".#######..", push: ".xxxxxxx..", read: "...xxxxx..",
			want: "4 path_cut main orders, 8 path_back main",
		},
		"a cut of a minute that hides a whole service": {
			control: ".##...", push: ".xx...", read: ".xx...",
			want: "2 path_cut main orders, 3 path_back main",
		},
		"a cut of less than a minute is no news": {
			control: ".#....", push: ".x....", read: ".x....",
		},
		"a check elsewhere that is blind for itself does not hide the service": {
			control: ".###....", push: ".xxx....", read: ".xxx....", lone: ".xxx....",
		},
		"what people were notified of before is not repeated": {
			control: "......", push: "xxxx..", read: "......", lone: "......",
			before: map[string]time.Duration{"push": 7 * time.Minute}, want: "4 check_sees push",
		},
		"nor that no check can look": {
			control: "xxxx..", push: "xxxx..", read: "xxxx..", lone: "xxxx..",
			before: map[string]time.Duration{"all": 7 * time.Minute}, want: "4 all_see",
		},
		"nor that a path is cut off": {
			control: "####..", push: "xxxx..", read: "xxxx..", lone: "......",
			before: map[string]time.Duration{"main": 7 * time.Minute}, want: "4 path_back main",
		},
		"what could not be queued is news again": {
			control: "........", push: ".xxxxxx.", read: "........", lone: "........",
			refused: "45", want: "4 check_blind push, 5 check_blind push, 6 check_blind push, 7 check_sees push",
		},
	} {
		t.Run(name, func(t *testing.T) {
			checks := []decide.Check{blindCheck("control", "main", true), blindCheck("push", "main", false), blindCheck("read", "main", false)}
			if c.lone != "" {
				checks = append(checks, blindCheck("lone", "other", false))
			}
			s := decide.NewSettings(decide.Settings{Checks: checks})
			var b decide.Blindness
			b.Before = func(n decide.BlindNews) (time.Time, bool) {
				if ago, ok := c.before[subject(n)]; ok {
					return noon().Add(-ago), true
				}
				return time.Time{}, false
			}
			var heard []string
			since := map[string]time.Time{}
			for minute := range c.control {
				now := noon().Add(time.Duration(minute) * time.Minute)
				v := decide.View{Checks: map[string]decide.Sight{}, Cuts: map[string]decide.Cut{}}
				for check, line := range map[string]string{"control": c.control, "push": c.push, "read": c.read, "lone": c.lone} {
					if line == "" {
						continue
					}
					blind := line[minute] != '.'
					if !blind {
						delete(since, check)
					} else if since[check].IsZero() {
						since[check] = now
					}
					v.Checks[check] = decide.Sight{Looked: true, Blind: blind, Since: since[check]}
				}
				if c.control[minute] == '#' {
					v.Cuts["main"] = decide.Cut{Since: since["control"]}
				}
				for _, n := range b.Step(s, v, now) {
					heard = append(heard, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", minute, n.Kind, strings.TrimPrefix(subject(n), "all"), strings.Join(n.Services, " "))))
					if !strings.Contains(c.refused, fmt.Sprint(minute)) {
						b.Notified(n)
					}
				}
			}
			if got := strings.Join(heard, ", "); got != c.want {
				t.Errorf("people hear\n  %s\nwant\n  %s", got, c.want)
			}
		})
	}
}

// blindCheck may be blind for three minutes before people are notified.
func blindCheck(name, path string, control bool) decide.Check {
	return decide.Check{CheckPolicy: watch.CheckPolicy{Check: name, Path: path, Every: time.Minute}, Service: "orders", Control: control, BlindAfter: 3 * time.Minute}
}

func subject(n decide.BlindNews) string {
	switch n.Kind {
	case decide.CheckBlind, decide.CheckSees:
		return n.Check.Check
	case decide.PathCut, decide.PathBack:
		return n.Path
	default:
		return "all"
	}
}
