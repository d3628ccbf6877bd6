package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/internal/server"
)

// OnCallList implements server.OnCall: wei and siti take turns of a week, nights have a gap.
func (m *memory) OnCallList(_ context.Context, at, until time.Time) (_ []server.OnCallSchedule, err error) {
	defer m.lock(&err)()
	if m.noOnCall {
		return nil, nil
	}
	wei, siti := server.OnCallPerson{Name: "wei", FullName: "王伟"}, server.OnCallPerson{Name: "siti", FullName: "Siti <Rahma>"}
	monday := at.Truncate(24*time.Hour).AddDate(0, 0, 1)
	now := server.OnCallShift{From: at.Add(-time.Hour), To: monday, People: []server.OnCallPerson{wei, siti}, Layer: "weekly", Override: true}
	next := server.OnCallShift{From: monday, To: monday.AddDate(0, 0, 7), People: []server.OnCallPerson{siti}, Layer: "weekly"}
	gap := server.OnCallShift{From: next.To, To: until, People: []server.OnCallPerson{}}
	return []server.OnCallSchedule{
		{
			Name: "orders", Timezone: "Asia/Shanghai", Now: now, Next: &next, Shifts: []server.OnCallShift{now, next, gap},
			Problems: []reason.Reason{reason.New("oncall_nobody", "from", gap.From, "to", gap.To, "gaps", 1)},
		},
		{Name: "prices", Timezone: "Asia/Shanghai", Fallback: "pricing", Now: gap, Shifts: []server.OnCallShift{gap}, Problems: []reason.Reason{}},
	}, nil
}

func TestTheOnCallAPI(t *testing.T) {
	m := busy()
	url := serve(t, m, nil)
	got := send(t, url, "GET", "/api/v1/oncall?at=2026-11-22T18:00:00%2B08:00&days=3", "")
	var answer struct {
		At        time.Time               `json:"at"`
		Schedules []server.OnCallSchedule `json:"schedules"`
	}
	got.json(t, &answer)
	if got.status != http.StatusOK || !answer.At.Equal(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)) || len(answer.Schedules) != 2 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if s := answer.Schedules[0]; s.Now.People[0].FullName != "王伟" || s.Next == nil || len(s.Shifts) != 3 || s.Shifts[2].To.Sub(answer.At) != 72*time.Hour {
		t.Errorf("%s", got.body)
	}
	if !strings.Contains(got.body, `"people":[]`) || !strings.Contains(got.body, "nobody is on call from") {
		t.Errorf("a gap is not shown: %s", got.body)
	}
	for query, says := range map[string]string{
		"at=now":                  "expected a time",
		"at=1066-10-14T00:00:00Z": "within ten years",
		"days=0":                  "from 1 to 92",
		"days=1000":               "from 1 to 92",
		"days=x":                  "from 1 to 92",
	} {
		if got := send(t, url, "GET", "/api/v1/oncall?"+query, ""); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, says) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	m.noOnCall = true
	if got := send(t, url, "GET", "/api/v1/oncall", ""); !strings.Contains(got.body, `"schedules":[]`) {
		t.Errorf("without schedules: %s", got.body)
	}
}

func TestTheOnCallPageWithoutSchedules(t *testing.T) {
	m := busy()
	m.noOnCall = true
	if got := ask(newServer(t, m, nil), "GET", "/oncall", ""); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "No schedule is configured") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
