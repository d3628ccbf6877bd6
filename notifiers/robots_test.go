package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/dingtalk"
)

// group is a channel of several robots.
type group []notifiers.Channel

func (g group) Robots() []notifiers.Channel { return g }

func (g group) Send(ctx context.Context, n notifiers.Notice) error { return g[0].Send(ctx, n) }

func robots(n int) (group, []*messenger) {
	var all []*messenger
	var g group
	for range n {
		m := &messenger{}
		all = append(all, m)
		g = append(g, m)
	}
	return g, all
}

// Two robots take turns: twice as much is told, and neither is called more often than it may.
func TestSeveralRobotsHaveABudgetEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, all := robots(2)
		budget := notifiers.Budget{Limit: 3, Per: time.Minute, MergeAt: -1}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: g, Budget: budget}})
		k.start()
		for i := range 6 {
			k.put("oncall", "critical", fmt.Sprintf("k%d/n%d", i, i))
			pass(time.Second)
		}
		if a, b := len(all[0].all()), len(all[1].all()); a != 3 || b != 3 {
			t.Errorf("the robots sent %d and %d, want 3 each", a, b)
		}
		k.put("oncall", "critical", "k9/late")
		pass(10 * time.Second)
		if d := k.outbox.Get("oncall/k9/late"); d.State != notifiers.Queued {
			t.Errorf("both minutes are used up, but %+v", d)
		}
		pass(time.Minute)
		k.state("oncall/k9/late", notifiers.Delivered)
	})
}

// After a restart each robot's calls are known, and with them what it may still send.
func TestTheBudgetOfEachRobotHoldsAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, all := robots(2)
		budget := notifiers.Budget{Limit: 2, Per: time.Minute, MergeAt: -1}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: g, Budget: budget}})
		k.start()
		for _, n := range []string{"a/1", "b/2", "c/3"} {
			k.put("oncall", "critical", n)
			pass(time.Second)
		}
		if err := k.d.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		var err error
		if k.d, err = notifiers.NewDispatcher(k.o); err != nil {
			t.Fatal(err)
		}
		k.start()
		k.put("oncall", "critical", "d/4", "e/5")
		pass(30 * time.Second)
		if a, b := len(all[0].all()), len(all[1].all()); a != 2 || b != 2 {
			t.Errorf("the robots sent %d and %d in a minute, want 2 each", a, b)
		}
	})
}

// While one robot is penalized the other goes on, and the receiver's fallback is not needed. When
// both are, it is.
func TestAPenalizedRobotIsReplacedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, all := robots(2)
		fallback := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: g, Fallback: "team"}, "team": {Channel: fallback}})
		k.start()
		all[0].answer = penalized
		k.put("oncall", "critical", "a/1")
		pass(time.Second)
		if d := k.state("oncall/a/1", notifiers.Delivered); d.Receiver != "oncall" || d.Via != "2" || len(all[1].all()) != 1 {
			t.Errorf("%+v, want it delivered by robot 2", d)
		}
		k.put("oncall", "critical", "b/2")
		pass(time.Second)
		if len(all[0].all()) != 1 || len(all[1].all()) != 2 || len(fallback.all()) != 0 {
			t.Errorf("robot 1 was called %d times, robot 2 %d, the fallback %d; want 1, 2, 0", len(all[0].all()), len(all[1].all()), len(fallback.all()))
		}
		status := k.d.Status()[0]
		if len(status.Robots) != 2 || status.Robots[0].Penalty.IsZero() || !status.Robots[1].Penalty.IsZero() || !status.Penalty.IsZero() {
			t.Errorf("status %+v, want robot 1 penalized alone", status)
		}
		all[1].answer = penalized
		k.put("oncall", "critical", "c/3")
		pass(time.Second)
		if d := k.state("oncall/c/3", notifiers.Delivered); d.Receiver != "team" {
			t.Errorf("%+v, want it at the fallback", d)
		}
		pass(11 * time.Minute)
		all[0].answer, all[1].answer = nil, nil
		k.put("oncall", "critical", "d/4")
		pass(time.Second)
		if d := k.state("oncall/d/4", notifiers.Delivered); d.Receiver != "oncall" {
			t.Errorf("%+v, want it by a robot again", d)
		}
	})
}

// A robot that was removed from its group loses nothing: the other one sends what it refused. What
// all refuse is given up.
func TestWhatOneRobotRefusesAnotherSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, all := robots(2)
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: g}})
		k.start()
		all[0].answer = func(int, notifiers.Notice) error { return &notifiers.Permanent{Err: errors.New("errcode 400106")} }
		k.put("oncall", "critical", "alone/1")
		pass(time.Second)
		if d := k.state("oncall/alone/1", notifiers.Delivered); len(d.Tries) != 2 || d.Tries[0].Via != "1" || d.Tries[1].Via != "2" {
			t.Errorf("history %+v, want robot 1's refusal and robot 2's delivery", d.Tries)
		}
		for i := range 10 {
			k.put("oncall", "warning", fmt.Sprintf("k%d/n%d", i, i))
		}
		pass(time.Minute)
		for _, d := range k.outbox.All() {
			if d.State != notifiers.Delivered || d.Via != "2" {
				t.Errorf("%+v, want it delivered by robot 2", d)
			}
		}
		if len(all[0].all()) > 1 {
			t.Errorf("the robot that refuses was called %d times although the other one works", len(all[0].all()))
		}
		all[1].answer = all[0].answer
		k.put("oncall", "warning", "x/bad")
		pass(time.Minute)
		k.state("oncall/x/bad", notifiers.GivenUp)
	})
}

// Each of DingTalk's robots signs with its own secret.
func TestSeveralDingTalkRobots(t *testing.T) {
	one, two := dingtalk.New(dingtalk.WithSecret("SECone")), dingtalk.New(dingtalk.WithSecret("SECtwo"), dingtalk.WithToken("another0token0of0the0group"))
	defer one.Close()
	defer two.Close()
	c := build(t, "dingtalk", &notifiers.DingTalkSettings{
		Robots: []notifiers.DingTalkRobot{
			{Webhook: secret.New(one.URL()), Secret: secret.New("SECone")},
			{Webhook: secret.New(two.URL()), Secret: secret.New("SECtwo")},
		},
		At: notifiers.DingTalkAt{Mobiles: []string{"13800138000"}},
	}, notifiers.Env{})
	k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: c}})
	k.start()
	one.Fail(1, dingtalk.TooFast)
	k.put("oncall", "critical", "a/1", "b/2")
	deadline := time.Now().Add(10 * time.Second)
	for len(two.Messages()) < 2 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if len(one.Messages()) != 0 || len(two.Messages()) != 2 {
		t.Errorf("robot 1 sent %d and robot 2 %d, want 0 and 2", len(one.Messages()), len(two.Messages()))
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "SECone") || strings.Contains(got, "another0token") {
			t.Errorf("%s prints a secret: %s", verb, got)
		}
	}
}

func TestMistakesOfRobotsAreNamed(t *testing.T) {
	hook := func(token string) secret.Secret {
		return secret.New("https://oapi.dingtalk.com/robot/send?access_token=" + token)
	}
	for name, c := range map[string]struct {
		settings notifiers.DingTalkSettings
		want     string
	}{
		"one robot and several":  {notifiers.DingTalkSettings{Webhook: hook("a"), Robots: []notifiers.DingTalkRobot{{Webhook: hook("b")}}}, "make those the first of robots"},
		"the same robot twice":   {notifiers.DingTalkSettings{Robots: []notifiers.DingTalkRobot{{Webhook: hook("a")}, {Webhook: hook("a")}}}, "robots[1].webhook: is the same robot"},
		"a robot without a hook": {notifiers.DingTalkSettings{Robots: []notifiers.DingTalkRobot{{Webhook: hook("a")}, {}}}, "robots[1].webhook: is missing"},
	} {
		if err := c.settings.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one that says %q", name, err, c.want)
		}
	}
}
