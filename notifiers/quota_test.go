package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/notifiers"
)

// People are warned once when 80 % of a month's calls were made and once when all were, not again
// after a restart, and anew in the next month.
func TestTheMonthlyQuotaIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC))) // a month's beginning
		answer := func(int, notifiers.Notice) error {
			time.Sleep(time.Millisecond) // two calls do not end at the same time
			return nil
		}
		m, other := &messenger{answer: answer}, &messenger{answer: answer}
		reg := prometheus.NewRegistry()
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, MonthlyQuota: 10}, "team": {Channel: other}}, func(o *notifiers.Options) {
			o.Registerer = reg
			o.OnQuota = func(u notifiers.Usage, _ string) notifiers.Notice {
				return notifiers.Notice{Key: "quota", Tier: "warning", Title: fmt.Sprintf("%s:%d/%d", u.Month, u.Calls, u.Quota)}
			}
		})
		k.start()
		n := 0
		send := func(times int) {
			for range times {
				n++
				k.put("oncall", "info", fmt.Sprintf("k/n%d", n))
				pass(time.Minute)
			}
		}
		warnings := func(m *messenger) string {
			var out []string
			for _, c := range m.all() {
				if c.notice.Key == "quota" {
					out = append(out, c.notice.Title)
				}
			}
			return strings.Join(out, " ")
		}
		send(7)
		if got := warnings(m); got != "" {
			t.Errorf("warned at 7 of 10: %s", got)
		}
		send(1)
		if got := warnings(m); got != "2000-02:8/10" || warnings(other) != "" {
			t.Errorf("at 8 of 10: %q", got)
		}
		if s := k.d.Status()[0]; s.MonthCalls != 9 || s.MonthlyQuota != 10 { // the warning is a call too
			t.Errorf("status %+v", s)
		}
		send(1)
		if got := warnings(other); got != "2000-02:10/10" {
			t.Errorf("when all are used another receiver should tell it, but: %q", got)
		}
		if err := k.d.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		var err error
		k.o.Registerer = nil
		if k.d, err = notifiers.NewDispatcher(k.o); err != nil {
			t.Fatal(err)
		}
		k.start()
		send(1)
		if got := warnings(m) + warnings(other); got != "2000-02:8/102000-02:10/10" {
			t.Errorf("after a restart: %q", got)
		}
		if s := k.d.Status()[0]; s.MonthCalls != 11 {
			t.Errorf("the calls before the restart are not known: %+v", s)
		}
		time.Sleep(time.Until(time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC)))
		send(8)
		if got := warnings(m); !strings.HasSuffix(got, "2000-03:8/10") {
			t.Errorf("in the next month: %q", got)
		}
	})
}

// What a messenger refuses for good goes to the fallback, which may take it, and people are told
// once that the receiver does not work.
func TestWhatIsRefusedForGoodGoesToTheFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(int, notifiers.Notice) error { return &notifiers.Permanent{Err: errors.New("no_service")} }}
		fallback := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Fallback: "team"}, "team": {Channel: fallback}})
		k.start()
		for _, name := range []string{"a/1", "b/2", "c/3"} {
			k.put("oncall", "critical", name)
			pass(time.Second)
			if d := k.state("oncall/"+name, notifiers.Delivered); d.Receiver != "team" {
				t.Errorf("%+v, want it delivered by the fallback", d)
			}
		}
		if got := fallback.titles(); got != "lost:1 1 2 3" {
			t.Errorf("the fallback got %q, want each notice and one alarm", got)
		}
	})
}
