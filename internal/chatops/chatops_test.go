package chatops_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/internal/chatops"
	"guardian/rules"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func key() chatops.Key { return chatops.NewKey("0123456789abcdef0123456789abcdef") }

func request(a chatops.Action) chatops.Request {
	return chatops.Request{Action: a, Delivery: "q_01K", Receiver: "值班 · oncall", Expires: noon().Add(24 * time.Hour)}
}

// A copy of the journal has the key's ID, and whoever holds a derived key has that: neither makes links.
func TestAKeyForSomethingElseSignsNoLinks(t *testing.T) {
	key := chatops.NewKey("the key of two guardians, long enough")
	same, other := chatops.NewKey("the key of two guardians, long enough"), chatops.NewKey("another key, which is as long as it")
	if key.For("sessions").Reveal() != same.For("sessions").Reveal() {
		t.Error("two guardians with one key do not share sessions")
	}
	text := same.Sign(chatops.Request{Action: chatops.Acknowledge, Delivery: "n_1", Receiver: "r", Expires: time.Unix(9e9, 0)})
	for _, k := range []chatops.Key{chatops.NewKey(key.For("sessions").Reveal()), chatops.NewKey(key.ID())} {
		if _, err := k.Read(chatops.Acknowledge, text); err == nil {
			t.Error("a derived key reads links")
		}
	}
	for _, s := range []string{other.For("sessions").Reveal(), key.For("others").Reveal(), key.ID()} {
		if s == key.For("sessions").Reveal() {
			t.Error("two keys or purposes have the same key")
		}
	}
}

func TestALinkGivesTheRequestThatWasSigned(t *testing.T) {
	for _, a := range chatops.Actions() {
		if got, err := key().Read(a, key().Sign(request(a))); err != nil || got != request(a) {
			t.Errorf("%s: got %+v, %v", a, got, err)
		}
	}
}

// The same request is the same link, so that a message that is sent again is the same message.
func TestALinkOfARequestIsAlwaysTheSame(t *testing.T) {
	const want = "toyeo0.cV8wMUs.5YC854-tIMK3IG9uY2FsbA.-xvpC5VQT_ATptP8aL2Hwg"
	if got := key().Sign(request(chatops.Acknowledge)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALinkThatWasNotSignedIsRefused(t *testing.T) {
	good := key().Sign(request(chatops.Acknowledge))
	parts := strings.Split(good, ".")
	with := func(i int, text string) string {
		changed := append([]string{}, parts...)
		changed[i] = text
		return strings.Join(changed, ".")
	}
	last := parts[3]
	for name, text := range map[string]string{
		"nothing":                     "",
		"no signature":                strings.Join(parts[:3], "."),
		"an empty signature":          with(3, ""),
		"half of the signature":       with(3, last[:11]),
		"another signature":           with(3, strings.Repeat("A", len(last))),
		"a later end":                 with(0, "zzzzzz"),
		"another message":             with(1, parts[2]),
		"another receiver":            with(2, parts[1]),
		"a part more":                 parts[0] + "." + good,
		"another key":                 chatops.NewKey(strings.Repeat("x", 32)).Sign(request(chatops.Acknowledge)),
		"a signature in other digits": with(3, last+"="),
	} {
		if got, err := key().Read(chatops.Acknowledge, text); !errors.Is(err, chatops.ErrForged) || got != (chatops.Request{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for i := range good {
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		// The last digit of 16 bytes has bits that mean nothing, which must be zero.
		if _, err := key().Read(chatops.Acknowledge, good[:i]+string(other)+good[i+1:]); !errors.Is(err, chatops.ErrForged) {
			t.Fatalf("with %q at %d: %v", other, i, err)
		}
	}
	if _, err := (chatops.Key{}).Read(chatops.Acknowledge, (chatops.Key{}).Sign(request(chatops.Acknowledge))); !errors.Is(err, chatops.ErrForged) {
		t.Errorf("without a key: %v", err)
	}
}

func TestALinkIsForOneAction(t *testing.T) {
	if _, err := key().Read(chatops.Silence, key().Sign(request(chatops.Acknowledge))); !errors.Is(err, chatops.ErrOtherAction) {
		t.Errorf("got %v", err)
	}
	for _, action := range []chatops.Action{"", "approve", "ACK"} {
		if _, err := key().Read(action, key().Sign(request(chatops.Acknowledge))); err == nil {
			t.Errorf("%q was read", action)
		}
	}
}

func TestAKeyPrintsNowhere(t *testing.T) {
	for _, text := range []string{fmt.Sprint(key()), fmt.Sprintf("%v %+v %#v", key(), key(), key()), key().ID()} {
		if strings.Contains(text, "0123456789abcdef") {
			t.Errorf("the key is in %q", text)
		}
	}
	if key().ID() == chatops.NewKey(strings.Repeat("x", 32)).ID() {
		t.Error("two keys have one ID")
	}
}

func alert(id string, state rules.State, fired time.Duration) rules.Alert {
	return rules.Alert{ID: id, Rule: "Down", State: state, FiredAt: noon().Add(fired), Labels: map[string]string{"service": "orders", "tier": "critical", "shop": id}}
}

func TestWhatARequestMayDo(t *testing.T) {
	firing, resolved, again := alert("a", rules.Firing, -time.Minute), alert("b", rules.Resolved, -time.Minute), alert("c", rules.Firing, time.Minute)
	pending := alert("d", rules.Pending, -time.Minute)
	many := make([]rules.Alert, chatops.MostSilenced+1)
	for i := range many {
		many[i] = alert(fmt.Sprint("m", i), rules.Firing, -time.Minute)
	}
	acked := map[string]rules.Ack{"a": {Alert: "a", By: "ada"}}
	done := &chatops.Done{Action: chatops.Acknowledge, By: "ada", At: noon()}
	for name, c := range map[string]struct {
		facts  chatops.Facts
		action chatops.Action // "": both
		after  time.Duration
		want   chatops.Outcome
		on     string
	}{
		"an alert that fires":                   {facts: chatops.Facts{Alerts: []rules.Alert{firing}}, want: chatops.May, on: "a"},
		"those that fire of several":            {facts: chatops.Facts{Alerts: []rules.Alert{resolved, firing, again, pending}}, want: chatops.May, on: "a"},
		"in the last moment":                    {facts: chatops.Facts{Alerts: []rules.Alert{firing}}, after: 24*time.Hour - time.Nanosecond, want: chatops.May, on: "a"},
		"too late":                              {facts: chatops.Facts{Alerts: []rules.Alert{firing}}, after: 24 * time.Hour, want: chatops.Expired},
		"used":                                  {facts: chatops.Facts{Alerts: []rules.Alert{firing}, Done: done}, want: chatops.Used},
		"used, and too late":                    {facts: chatops.Facts{Alerts: []rules.Alert{firing}, Done: done}, after: 25 * time.Hour, want: chatops.Used},
		"used, and the alert is over":           {facts: chatops.Facts{Alerts: []rules.Alert{resolved}, Done: done}, want: chatops.Used},
		"the alert is over":                     {facts: chatops.Facts{Alerts: []rules.Alert{resolved}}, want: chatops.Over},
		"the alert is gone":                     {want: chatops.Over},
		"the alert fired again since":           {facts: chatops.Facts{Alerts: []rules.Alert{resolved, again}}, want: chatops.Anew},
		"it is acknowledged":                    {facts: chatops.Facts{Alerts: []rules.Alert{firing}, Acks: acked}, action: chatops.Acknowledge, want: chatops.Acked},
		"it is acknowledged, and silenced":      {facts: chatops.Facts{Alerts: []rules.Alert{firing}, Acks: acked}, action: chatops.Silence, want: chatops.May, on: "a"},
		"one of two is acknowledged":            {facts: chatops.Facts{Alerts: []rules.Alert{firing, many[0]}, Acks: acked}, action: chatops.Acknowledge, want: chatops.May, on: "m0"},
		"many are acknowledged at once":         {facts: chatops.Facts{Alerts: many}, action: chatops.Acknowledge, want: chatops.May, on: "m0 m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12 m13 m14 m15 m16 m17 m18 m19 m20"},
		"many are not silenced at once":         {facts: chatops.Facts{Alerts: many}, action: chatops.Silence, want: chatops.TooMany},
		"nothing but to acknowledge or silence": {facts: chatops.Facts{Alerts: []rules.Alert{firing}}, action: "approve", want: chatops.Unknown},
	} {
		actions := chatops.Actions()
		if c.action != "" {
			actions = []chatops.Action{c.action}
		}
		for _, action := range actions {
			c.facts.Known, c.facts.Sent = true, noon()
			d := chatops.Decide(request(action), c.facts, noon().Add(c.after))
			var on []string
			for _, a := range d.Alerts {
				on = append(on, a.ID)
			}
			if d.Outcome != c.want || strings.Join(on, " ") != c.on || (d.Done != nil) != (c.want == chatops.Used) {
				t.Errorf("%s: %s is %s, on %v, done %v", name, action, d.Outcome, on, d.Done)
			}
		}
	}
	if d := chatops.Decide(request(chatops.Acknowledge), chatops.Facts{}, noon()); d.Outcome != chatops.Unknown {
		t.Errorf("a message that the journal does not have: %s", d.Outcome)
	}
}

func TestASilenceMatchesOneAlertWhateverItsTier(t *testing.T) {
	a := alert("a", rules.Firing, 0)
	ms := chatops.Matchers(a)
	for labels, want := range map[string]bool{
		"Down orders a critical": true, "Down orders a warning": true, "Down orders b critical": false, "Slow orders a critical": false, "Down stock a critical": false,
	} {
		f := strings.Fields(labels)
		if got := ms.Match(map[string]string{"alertname": f[0], "service": f[1], "shop": f[2], "tier": f[3]}); got != want {
			t.Errorf("%s: %v", labels, got)
		}
	}
}

func TestWhoFollowedALink(t *testing.T) {
	who := chatops.ByLink("dingtalk-oncall")
	if who != "receiver dingtalk-oncall, by link" || chatops.Shown(who, "en") != who {
		t.Errorf("got %q, %q", who, chatops.Shown(who, "en"))
	}
	if got := chatops.Shown(who, "zh"); got != "接收方 dingtalk-oncall（通过消息链接）" {
		t.Errorf("got %q", got)
	}
	if got := chatops.Shown(chatops.InSlack("wei"), "zh"); chatops.InSlack("wei") != "wei, in Slack" || got != "wei（在 Slack 中）" {
		t.Errorf("got %q, %q", chatops.InSlack("wei"), got)
	}
	for _, name := range []string{"ada", "receiver", "receiver x"} {
		if got := chatops.Shown(name, "zh"); got != name {
			t.Errorf("%q is shown as %q", name, got)
		}
	}
}
