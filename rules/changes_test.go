package rules_test

import (
	"strings"
	"testing"

	"guardian/rules"
)

// TestWhatPeopleHearOf plays readings as draw does, and gives the changes with the minute of each
// and since when the alert fires: what people are notified of is made of them.
func TestWhatPeopleHearOf(t *testing.T) {
	for name, tt := range map[string]struct{ lines, readings, want string }{
		"an alert that only was pending is gone, and not resolved": {"for: 3m", "xx.", "0 >pending, 2 pending>"},
		"one that fires and resolves":                              {"for: 1m", "xxxx.", "0 >pending, 1 pending>firing since 1, 4 firing>resolved since 1"},
		"nothing while it goes on, also over blindness":            {"", "xx??xx", "0 >firing since 0"},
		"the next firing has a time of its own":                    {"", "x.x", "0 >firing since 0, 1 firing>resolved since 0, 2 >firing since 2"},
	} {
		t.Run(name, func(t *testing.T) {
			r := alerting(t, tt.lines)
			var alerts []rules.Alert
			var heard []string
			for i, reading := range tt.readings {
				var seen []rules.Instance
				if reading == 'x' {
					seen = []rules.Instance{instance}
				}
				var changes []rules.Change
				alerts, changes = rules.Step(r, alerts, seen, func(map[string]string) bool { return reading != '?' }, minute(i))
				for _, c := range changes {
					heard = append(heard, said(i, c))
				}
				if len(alerts) == 1 && alerts[0].State == rules.Firing && len(changes) == 0 && len(heard) > 0 {
					if last := heard[len(heard)-1]; !strings.HasSuffix(last, since(alerts[0])) {
						t.Errorf("at minute %d it fires%s; people heard %q", i, since(alerts[0]), last)
					}
				}
			}
			if got := strings.Join(heard, ", "); got != tt.want {
				t.Errorf("readings %s\ngot  %s\nwant %s", tt.readings, got, tt.want)
			}
		})
	}
}

func said(minute int, c rules.Change) string {
	text := digits(minute) + " " + string(c.From) + ">" + string(c.To)
	if !c.Alert.FiredAt.IsZero() {
		text += since(c.Alert)
	}
	return text
}

// since tells since which minute an alert fires.
func since(a rules.Alert) string { return " since " + digits(int(a.FiredAt.Sub(epoch).Minutes())) }

func digits(n int) string { return string(rune('0' + n)) }
