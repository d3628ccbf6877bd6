package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/rules"
)

func sentAt(minutes float64) time.Time {
	return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(time.Duration(minutes * float64(time.Minute)))
}

// Each story sends the alert a=b and shows the changes: the minute, and firing or resolved since
// or at which minute.
func TestWhatOthersSend(t *testing.T) {
	send := func(start, end float64) *rules.Sent { // negative: not said
		s := &rules.Sent{Labels: map[string]string{"a": "b", "severity": "page", "empty": ""}, Annotations: map[string]string{"summary": fmt.Sprint(end)}}
		if start >= 0 {
			s.StartsAt = sentAt(start)
		}
		if end >= 0 {
			s.EndsAt = sentAt(end)
		}
		return s
	}
	type at struct {
		minute float64
		sent   *rules.Sent // nil: time goes by
	}
	for name, c := range map[string]struct {
		story []at
		want  string
	}{
		"it is sent again and again, then ends": {[]at{{1, send(0, 5)}, {2, send(0, 6)}, {3, send(0, 2.5)}}, "1: firing since 0; 3: resolved at 2.5"},
		"it is not sent again":                  {[]at{{1, send(0, 5)}, {4.9, nil}, {5, nil}}, "1: firing since 0; 5: resolved at 5"},
		"no times are said":                     {[]at{{1, send(-1, -1)}, {5.9, nil}, {6.5, nil}}, "1: firing since 1; 6.5: resolved at 6"},
		"only the end is said, and is over":     {[]at{{1, send(-1, 0.5)}}, ""},
		"it resolved before it was known":       {[]at{{3, send(0, 2)}}, ""},
		"the later of two ends counts":          {[]at{{1, send(0, 9)}, {2, send(0, 5)}, {6, nil}, {9, nil}}, "1: firing since 0; 9: resolved at 9"},
		"an end that was said beats a timeout":  {[]at{{1, send(0, -1)}, {2, send(0, 3)}, {3, nil}}, "1: firing since 0; 3: resolved at 3"},
		"a timeout does not shorten":            {[]at{{1, send(0, 30)}, {2, send(0, -1)}, {8, nil}, {30, nil}}, "1: firing since 0; 30: resolved at 30"},
		"it begins again":                       {[]at{{1, send(0, 5)}, {2, send(0, 2)}, {3, send(3, 9)}}, "1: firing since 0; 2: resolved at 2; 3: firing since 3"},
		"it ends before it began":               {[]at{{1, send(0.5, 5)}, {2, &rules.Sent{Labels: map[string]string{"a": "b", "severity": "page"}, StartsAt: sentAt(0.1), EndsAt: sentAt(0.2)}}}, "1: firing since 0.5; 2: resolved at 0.5"},
		"a beginning in the future is now":      {[]at{{1, send(3, 9)}}, "1: firing since 1"},
	} {
		var alerts []rules.Alert
		var got []string
		for _, moment := range c.story {
			now := sentAt(moment.minute)
			var sent []rules.Sent
			if moment.sent != nil {
				sent = []rules.Sent{*moment.sent}
			}
			next, changes, errs := rules.StepSent(alerts, sent, now)
			if len(errs) > 0 {
				t.Fatalf("%s: %v", name, errs)
			}
			for _, ch := range changes {
				since, word := ch.Alert.FiredAt, "since"
				if ch.To == rules.Resolved {
					since, word = ch.Alert.ResolvedAt, "at"
				}
				got = append(got, fmt.Sprintf("%g: %s %s %g", moment.minute, ch.To, word, since.Sub(sentAt(0)).Minutes()))
				if ch.Alert.Tier != rules.Critical || ch.Alert.FailsWatch || len(ch.Alert.Labels) != 2 {
					t.Errorf("%s: %+v", name, ch.Alert)
				}
			}
			alerts = next
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSentAlertsAreChecked(t *testing.T) {
	ok := map[string]string{"a": "b"}
	next, changes, errs := rules.StepSent(nil, []rules.Sent{
		{Labels: map[string]string{"a": ""}},
		{Labels: ok, StartsAt: sentAt(2), EndsAt: sentAt(1)},
		{Labels: map[string]string{"": "x"}},
		{Labels: ok, Annotations: map[string]string{"n": "\xff"}},
		{Labels: map[string]string{"服务": "订单"}},
	}, sentAt(0))
	text := fmt.Sprint(errs)
	for _, want := range []string{"alert 0: at least one label pair", "alert 1: start time must be before end time", `alert 2: invalid label name ""`, `alert 3: invalid value of annotation "n"`} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
	if len(errs) != 4 || len(changes) != 1 || len(next) != 1 || next[0].Labels["服务"] != "订单" {
		t.Errorf("%v %v %v", next, changes, errs)
	}
}

// A restart is no reason to believe that an alert is over: its sender gets the time to say.
func TestSentAlertsOutliveARestart(t *testing.T) {
	alerts, _, _ := rules.StepSent(nil, []rules.Sent{{Labels: map[string]string{"a": "b"}, StartsAt: sentAt(0), EndsAt: sentAt(4)}, {Labels: map[string]string{"c": "d"}, EndsAt: sentAt(600)}}, sentAt(0))
	text, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	var stored []rules.Alert
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	if states, ended := rules.Restore(nil, stored, sentAt(30)); len(states) > 0 || len(ended.Changes) > 0 {
		t.Errorf("they count as those of rules that are gone: %v %v", states, ended)
	}
	restored := rules.RestoreSent(stored, sentAt(30))
	for minute, want := range map[float64]int{34.9: 0, 35: 1, 600: 2} {
		if _, changes, _ := rules.StepSent(restored, nil, sentAt(minute)); len(changes) != want {
			t.Errorf("after %g minutes %d changes, want %d", minute, len(changes), want)
		}
	}
	samples := rules.SentSamples(restored, restored[:1], sentAt(31))
	if len(samples) != 4 {
		t.Errorf("samples %v", samples)
	}
}
