package decide_test

import (
	"strings"
	"testing"
	"time"

	"guardian/decide"
	"guardian/oncall"
)

// TestHandOversAreFoundForAnHour asks every minute for three days about wei and li, who change at
// noon, with a gap on the second afternoon.
func TestHandOversAreFoundForAnHour(t *testing.T) {
	r, err := oncall.NewRoster([]oncall.Settings{
		{Name: "orders", Announce: []string{"group"}, Layers: []oncall.Layer{{
			People: []string{"wei", "li"}, Start: "2026-01-01", HandOver: "12:00", Length: minutes(24 * 60), Times: []oncall.Times{{From: "wednesday 06:00", To: "tuesday 18:00"}},
		}}},
		{Name: "quiet", Layers: []oncall.Layer{{People: []string{"wei", "li"}, Start: "2026-01-01", Length: minutes(24 * 60)}}},
	}, []string{"group"}, oncall.Options{People: []oncall.Person{{Name: "wei"}, {Name: "li"}}})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	known := map[string]time.Time{}
	for at := firedAt().Add(-3 * time.Hour); at.Before(firedAt().AddDate(0, 0, 2)); at = at.Add(time.Minute) {
		for _, h := range decide.HandOvers(r, at) {
			if _, again := known[h.Occasion()]; !again {
				told = append(told, at.Format("Mon 15:04 ")+strings.Join(h.Before.People, "+")+">"+h.People[0].Name)
			}
			known[h.Occasion()] = at
		}
	}
	want := "Mon 12:00 li>wei, Tue 12:00 wei>li, Wed 06:00 >li" // nobody was on call on Tuesday evening
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for key, last := range known {
		if last.Minute() != 0 {
			t.Errorf("%s is told of until %s, want an hour", key, last)
		}
	}
}
