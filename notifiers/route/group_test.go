package route_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"guardian/notifiers/route"
)

func grown(t *testing.T, root route.Node) *route.Tree {
	t.Helper()
	tr, err := route.New(root, []string{"a", "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func span(d time.Duration) *model.Duration { return new(model.Duration(d)) }

// Each route that matches is a target, so that the quiet time of one does not silence another
// one to the same receiver.
func TestTwoRoutesToOneReceiverAreTwoTargets(t *testing.T) {
	got := grown(t, route.Node{Receiver: "a", Routes: []route.Node{{Receiver: "a", Continue: true}, {Receiver: "a"}}}).Match(nil)
	if len(got) != 2 || got[0].Receiver != "a" || got[1].Receiver != "a" || got[0].Route == got[1].Route || got[0].RepeatInterval != route.DefaultRepeat {
		t.Errorf("got %+v", got)
	}
}

func TestARouteWithSeveralReceivers(t *testing.T) {
	tr := grown(t, route.Node{Receivers: []string{"a", "b"}, Routes: []route.Node{{Matchers: []string{"x=1"}}, {Matchers: []string{"x=2"}, Receiver: "b"}}})
	for x, want := range map[string]string{"0": "a b", "1": "a b", "2": "b"} {
		var got []string
		for _, target := range tr.Match(map[string]string{"x": x}) {
			got = append(got, target.Receiver)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("x=%s: %s, want %s", x, got, want)
		}
	}
	err := route.Node{Receivers: []string{"a", "c", "a"}, Routes: []route.Node{{Receiver: "a", Receivers: []string{"b"}}}}.Validate([]string{"a", "b"}, nil)
	for _, want := range []string{`the root: receiver "c" is not configured`, `the root: receivers: "a" is named twice`, "routes[0]: receivers: stands beside receiver"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}

func TestRoutesKeepTheirKeys(t *testing.T) {
	keys := func(root route.Node, labels map[string]string) string {
		var out []string
		for _, target := range grown(t, root).Match(labels) {
			out = append(out, target.Route)
		}
		return strings.Join(out, " ")
	}
	labels := map[string]string{"tier": "critical", "team": "x"}
	root := route.Node{Receiver: "a", Routes: []route.Node{
		{Matchers: []string{"tier=critical"}, MatchRE: map[string]string{"team": "x|y"}, Continue: true},
		{Match: map[string]string{"tier": "critical"}, Continue: true, Routes: []route.Node{{Matchers: []string{"team=x"}}}},
		{Matchers: []string{`tier="critical"`}, Continue: true},
		{Matchers: []string{`{tier="critical"}`}, Routes: []route.Node{{Matchers: []string{"team=x"}}}},
	}}
	before := keys(root, labels)
	if want := `{}/{team=~"x|y",tier="critical"} {}/{tier="critical"}/{team="x"} {}/{tier="critical"}#2 {}/{tier="critical"}#3/{team="x"}`; before != want {
		t.Errorf("got  %s\nwant %s", before, want)
	}
	root.Routes = append([]route.Node{{Matchers: []string{"team=other"}}}, root.Routes...)
	if after := keys(root, labels); after != before {
		t.Errorf("another route before them changed the keys to %s", after)
	}
}

func TestGroups(t *testing.T) {
	labels := map[string]string{"service": "orders", "tier": "critical", "shop": "sg-1", "site": ""}
	for name, c := range map[string]struct {
		parent, child []string
		want          string
	}{
		"where the tree says nothing":  {nil, nil, `{service="orders", tier="critical"}`},
		"the parent's":                 {[]string{"shop"}, nil, `{shop="sg-1"}`},
		"its own":                      {[]string{"shop"}, []string{"tier", "site", "alertname"}, `{tier="critical"}`},
		"all labels":                   {nil, []string{"..."}, `{service="orders", shop="sg-1", tier="critical"}`},
		"all labels, from the parent":  {[]string{"..."}, nil, `{service="orders", shop="sg-1", tier="critical"}`},
		"labels below all labels":      {[]string{"..."}, []string{"shop"}, `{shop="sg-1"}`},
		"none: all alerts are a group": {nil, []string{}, `{}`},
	} {
		tr := grown(t, route.Node{Receiver: "a", GroupBy: c.parent, Routes: []route.Node{{GroupBy: c.child}}})
		g := tr.Match(labels)[0].Group(labels)
		set := model.LabelSet{}
		for k, v := range g.Labels {
			set[model.LabelName(k)] = model.LabelValue(v)
		}
		if g.Key != "{}/{}:"+c.want || set.String() != c.want {
			t.Errorf("%s: got %s with %v, want %s", name, g.Key, g.Labels, c.want)
		}
	}
}

func TestTimingOfGroups(t *testing.T) {
	for name, c := range map[string]struct {
		parent, child route.Node
		tier, want    string
	}{
		"critical, where the tree says nothing": {route.Node{}, route.Node{}, "critical", "0s 10s false 4h0m0s"},
		"another tier":                          {route.Node{}, route.Node{}, "warning", "30s 5m0s false 4h0m0s"},
		"no tier":                               {route.Node{}, route.Node{}, "", "30s 5m0s false 4h0m0s"},
		"the parent's, for every tier": {
			route.Node{GroupWait: span(time.Minute), GroupInterval: span(2 * time.Minute), RepeatInterval: span(time.Hour)}, route.Node{}, "critical", "1m0s 2m0s true 1h0m0s",
		},
		"its own": {
			route.Node{GroupWait: span(time.Minute), GroupInterval: span(2 * time.Minute), RepeatInterval: span(time.Hour)},
			route.Node{GroupWait: span(0), GroupInterval: span(time.Second), RepeatInterval: span(time.Minute)},
			"warning", "0s 1s true 1m0s",
		},
		"only one of them": {route.Node{GroupInterval: span(time.Minute)}, route.Node{}, "critical", "0s 1m0s true 4h0m0s"},
	} {
		c.parent.Receiver, c.parent.Routes = "a", []route.Node{c.child}
		target := grown(t, c.parent).Match(nil)[0]
		interval, stated := target.GroupInterval(c.tier)
		if got := fmt.Sprint(target.GroupWait(c.tier), interval, stated, target.RepeatInterval); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestMistakesInGroups(t *testing.T) {
	err := route.Node{Receiver: "a", GroupInterval: span(0), Routes: []route.Node{
		{GroupBy: []string{"...", "shop"}, RepeatInterval: span(0)},
		{GroupBy: []string{"shop", "", "shop"}, GroupWait: span(-1)},
	}}.Validate([]string{"a"}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"the root: group_interval: 0s is not more than 0s", "routes[0]: group_by: '...' means all labels", "routes[0]: repeat_interval: 0s",
		`routes[1]: group_by: "" is not the name`, `routes[1]: group_by: "shop" is named twice`, "routes[1]: group_wait",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
}

func TestRoutesThatLetCriticalAlertsWait(t *testing.T) {
	slow, fast := span(30*time.Second), span(5*time.Second)
	critical := []string{`tier="critical"`}
	for name, c := range map[string]struct {
		root route.Node
		want string
	}{
		"a tree that says nothing":             {route.Node{Routes: []route.Node{{Matchers: critical}}}, ""},
		"the root":                             {route.Node{GroupWait: slow}, " 30s/0s"},
		"five seconds are no warning":          {route.Node{GroupWait: fast, GroupInterval: fast}, ""},
		"a route that inherits it":             {route.Node{GroupWait: slow, Routes: []route.Node{{Matchers: critical}}}, "routes[0] 30s/0s"},
		"severity is Alertmanager's tier":      {route.Node{GroupWait: slow, Routes: []route.Node{{Matchers: []string{"severity=~critical|page"}, GroupWait: fast}}}, ""},
		"other names of critical":              {route.Node{Routes: []route.Node{{Matchers: []string{"severity=page"}, GroupWait: slow}, {Matchers: []string{"severity=warn"}, GroupWait: slow}}}, "routes[0] 30s/0s"},
		"a route of another tier":              {route.Node{Routes: []route.Node{{Matchers: []string{"tier=info"}, GroupWait: slow}}}, ""},
		"what takes some of the critical ones": {route.Node{GroupWait: slow, Routes: []route.Node{{Matchers: []string{"team=x"}, GroupWait: fast}}}, " 30s/0s"},
		"what comes after one that takes all":  {route.Node{Routes: []route.Node{{Matchers: critical}, {GroupWait: slow}}}, ""},
		"what comes after one with continue":   {route.Node{Routes: []route.Node{{Matchers: critical, Continue: true}, {GroupWait: slow}}}, "routes[1] 30s/0s"},
		"the interval alone":                   {route.Node{GroupInterval: slow, Routes: []route.Node{{Matchers: critical, Routes: []route.Node{{Matchers: []string{"a=b"}}}}}}, "routes[0].routes[0] 0s/30s, routes[0] 0s/30s"},
	} {
		c.root.Receiver = "a"
		var got []string
		for _, s := range grown(t, c.root).SlowForCritical(5 * time.Second) {
			got = append(got, fmt.Sprintf("%s %s/%s", s.Place, s.GroupWait, s.GroupInterval))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
