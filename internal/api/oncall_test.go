package api_test

import (
	"strings"
	"testing"
	"time"

	"guardian/internal/api"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/oncall"
)

func TestSchedulesAreListedWithWhatIsWrongWithThem(t *testing.T) {
	office := []oncall.Times{{From: "09:00", To: "18:00"}}
	source := oncall.Source{URL: secret.New("https://calendar.example.com/private-4711.ics")}
	c := &config.Config{
		People: []oncall.Person{{Name: "wei", FullName: "王伟", Mobile: "13800138000"}},
		Schedules: []oncall.Settings{
			{Name: "orders", Timezone: "Asia/Shanghai", Layers: []oncall.Layer{{Calendar: &source}, {People: []string{"wei"}, Start: "2026-01-05", Times: office}}},
			{Name: "prices", Fallback: "group", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", Times: office}}},
		},
		Receivers: []config.Receiver{{Name: "group"}},
	}
	calendar, err := oncall.ParseCalendar([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Eve\nDTSTART:20260202T000000Z\nDTEND:20260203T000000Z\nEND:VEVENT\nEND:VCALENDAR\n"))
	if err != nil {
		t.Fatal(err)
	}
	roster, err := c.RosterWith(map[string]*oncall.Calendar{source.Key(): calendar}, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := api.OnCall(func() api.Running {
		return api.Running{Config: c, Roster: roster, Calendar: func(address string) reason.Reason {
			if address != source.Key() {
				t.Errorf("asked for another calendar")
			}
			return reason.New("calendar_unreadable", "error", "status 503")
		}}
	})
	at := time.Date(2026, 2, 2, 3, 0, 0, 0, time.UTC) // 11:00 in Shanghai
	all, err := list.OnCallList(t.Context(), at, at.AddDate(0, 0, 2))
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	orders := all[0]
	if len(orders.Now.People) != 1 || orders.Now.People[0].FullName != "王伟" || orders.Next == nil || len(orders.Next.People) != 0 || orders.Timezone != "Asia/Shanghai" {
		t.Errorf("orders: %+v", orders)
	}
	var said []string
	for _, p := range orders.Problems {
		said = append(said, p.String())
	}
	text := strings.Join(said, "\n")
	for _, want := range []string{"status 503", "Eve", "nobody is on call from 2026-02-02 10:00:00 UTC to 2026-02-03 01:00:00 UTC (2 gaps"} {
		if !strings.Contains(text, want) {
			t.Errorf("problems do not say %q:\n%s", want, text)
		}
	}
	if prices := all[1]; len(prices.Problems) > 0 || len(prices.Now.People) > 0 || prices.Fallback != "group" {
		t.Errorf("prices: %+v", prices)
	}
}
