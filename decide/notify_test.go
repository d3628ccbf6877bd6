package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"guardian/decide"
	"guardian/notifiers/route"
)

// routed sends everything to oncall, and what is about prices to night, who is silent at noon,
// and to others as well.
func routed(t *testing.T) decide.Settings {
	t.Helper()
	tree, err := route.New(route.Node{Receiver: "oncall", Routes: []route.Node{
		{Receiver: "night", Matchers: []string{`service="prices"`}, MuteTimeIntervals: []string{"day"}, Continue: true},
		{Receiver: "others", Matchers: []string{`service="prices"`}, RepeatInterval: new(model.Duration(time.Hour))},
	}}, []string{"oncall", "night", "others"}, []route.Interval{{Name: "day", Times: []route.Window{{Times: []route.Clock{{Start: "08:00", End: "20:00"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	s := settings()
	s.Routes = tree
	return s
}

func window(from, to time.Time) func(from, to time.Time) []decide.Span {
	return func(time.Time, time.Time) []decide.Span { return []decide.Span{{From: from, To: to}} }
}

func TestWhoIsNotified(t *testing.T) {
	hour := time.Hour
	is := func(name, value string) route.Matchers {
		m, err := route.NewMatcher(name, route.Equal, value)
		if err != nil {
			t.Fatal(err)
		}
		return route.Matchers{m}
	}
	silenced := []route.Silence{{ID: "s_1", Matchers: is("service", "orders"), From: ago(hour), Until: noon().Add(hour), By: "ada"}}
	stocktaking := []decide.Maintenance{{Name: "stocktaking", Service: "orders", Spans: window(ago(hour), noon().Add(hour))}}
	for name, c := range map[string]struct {
		kind, service string
		silences      []route.Silence
		maintenance   []decide.Maintenance
		want          []string
		suppressed    string // the reason's code
		muted         int
	}{
		"an alert":                                        {kind: "alert", service: "orders", want: []string{"oncall"}},
		"a route that is mute now sends nothing":          {kind: "alert", service: "prices", want: []string{"others"}, muted: 1},
		"a silenced alert":                                {kind: "alert", service: "orders", silences: silenced, suppressed: "silenced"},
		"a silence of another service":                    {kind: "alert", service: "prices", silences: silenced, want: []string{"others"}, muted: 1},
		"a silence that is over":                          {kind: "alert", service: "orders", silences: []route.Silence{{ID: "s_1", Matchers: is("service", "orders"), From: ago(2 * hour), Until: noon()}}, want: []string{"oncall"}},
		"a silence keeps what the guardian does too":      {kind: "run", service: "orders", silences: silenced, suppressed: "silenced"},
		"an alert in a maintenance":                       {kind: "alert", service: "orders", maintenance: stocktaking, suppressed: "in_maintenance"},
		"blindness in a maintenance":                      {kind: "blind", service: "orders", maintenance: stocktaking, suppressed: "in_maintenance"},
		"a maintenance of all services":                   {kind: "alert", service: "orders", maintenance: []decide.Maintenance{{Name: "all", Spans: window(ago(hour), noon().Add(hour))}}, suppressed: "in_maintenance"},
		"a maintenance of another service":                {kind: "alert", service: "prices", maintenance: stocktaking, want: []string{"others"}, muted: 1},
		"a maintenance that is over":                      {kind: "alert", service: "orders", maintenance: []decide.Maintenance{{Name: "all", Spans: window(ago(hour), noon())}}, want: []string{"oncall"}},
		"what the guardian does in a maintenance":         {kind: "run", service: "orders", maintenance: stocktaking, want: []string{"oncall"}},
		"a verdict in a maintenance":                      {kind: "watch", service: "orders", maintenance: stocktaking, want: []string{"oncall"}},
		"the guardian's own trouble during a maintenance": {kind: "guardian", maintenance: []decide.Maintenance{{Name: "all", Spans: window(ago(hour), noon().Add(hour))}}, want: []string{"oncall"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := routed(t)
			s.Maintenance = c.maintenance
			got := decide.NewSettings(s).Recipients(c.kind, map[string]string{"service": c.service}, c.silences, noon())
			var names []string
			for _, target := range got.Targets {
				names = append(names, target.Receiver)
			}
			if diff := cmp.Diff(c.want, names); diff != "" || got.Suppressed.Code != c.suppressed || got.Muted != c.muted {
				t.Errorf("suppressed by %q, %d muted; receivers (-want +got):\n%s", got.Suppressed, got.Muted, diff)
			}
			if suppressed := c.suppressed != ""; suppressed == got.Until.IsZero() || got.Nobody() != (len(c.want) == 0) {
				t.Errorf("until %v, nobody: %v", got.Until, got.Nobody())
			}
		})
	}
}

// Two routes may lead to one receiver: it is told once, also when one of the two is quiet.
func TestAReceiverGetsANoticeOnce(t *testing.T) {
	day := []route.Interval{{Name: "day", Times: []route.Window{{Times: []route.Clock{{Start: "08:00", End: "20:00"}}}}}}
	for name, c := range map[string]struct {
		routes []route.Node
		want   int
		muted  int
	}{
		"both tell":              {[]route.Node{{Continue: true}, {}}, 1, 0},
		"the first is quiet":     {[]route.Node{{Continue: true, MuteTimeIntervals: []string{"day"}}, {}}, 1, 0},
		"the second is quiet":    {[]route.Node{{Continue: true}, {MuteTimeIntervals: []string{"day"}}}, 1, 0},
		"both are quiet: nobody": {[]route.Node{{Continue: true, MuteTimeIntervals: []string{"day"}}, {MuteTimeIntervals: []string{"day"}}}, 0, 1},
	} {
		tree, err := route.New(route.Node{Receiver: "oncall", Routes: c.routes}, []string{"oncall"}, day)
		if err != nil {
			t.Fatal(err)
		}
		s := settings()
		s.Routes = tree
		got := decide.NewSettings(s).Recipients("alert", nil, nil, noon())
		if len(got.Targets) != c.want || got.Muted != c.muted {
			t.Errorf("%s: %d targets, %d muted", name, len(got.Targets), got.Muted)
		}
	}
}

func TestNobodyIsNotifiedWithoutReceivers(t *testing.T) {
	s := decide.NewSettings(settings())
	if r := s.Recipients("alert", nil, nil, noon()); !r.Nobody() {
		t.Errorf("%+v", r)
	}
}
