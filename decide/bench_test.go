package decide_test

import (
	"fmt"
	"testing"
	"time"

	"guardian/decide"
	"guardian/notifiers/route"
	"guardian/rules"
)

// BenchmarkBoard looks what is due among 2,000 alerts of 50 services on three routes: of all of them,
// as each second, and of one that changed.
func BenchmarkBoard(b *testing.B) {
	s := deskSettings(b, route.Node{Receiver: "digest", Routes: []route.Node{
		{Receiver: "phone", Matchers: []string{`tier="critical"`}, Continue: true}, {Receiver: "group", Matchers: []string{`service=~"s.*"`}, Continue: true}, {Receiver: "digest"},
	}}, route.InhibitRule{SourceMatchers: []string{`alertname="A1"`}, TargetMatchers: []string{`tier="warning"`}, Equal: []string{"service"}})
	d := newDesk(b, s)
	var last rules.Alert
	for i := range 2000 {
		a := alertOf(fmt.Sprintf("A%d", i/50), fmt.Sprintf("s%d", i%50), []rules.Tier{rules.Critical, rules.Warning}[i%2])
		a.State, a.FiredAt = rules.Firing, d.now
		d.board.Put(a)
		last = a
	}
	d.pass(time.Minute)
	for name, ids := range map[string][]string{"all": nil, "one": {last.ID}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if due, _ := d.board.Due(s, decide.Said{}, d.now, ids...); len(due) > 0 {
					b.Fatal("nothing is due")
				}
			}
		})
	}
}
