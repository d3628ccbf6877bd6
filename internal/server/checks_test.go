package server_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/probes/sample"
	"guardian/watch"
)

// details is what the guardian knows of one check: three looks, of which the first two failed,
// and a failure of the day before.
func details(now time.Time) map[string]server.CheckDetail {
	down := func(ago time.Duration, raised bool) server.LookDetail {
		return server.LookDetail{
			At: now.Add(-ago), Duration: 10 * time.Second, Health: sample.Down, Raised: raised, Version: "v42",
			Reason: reason.New("order_lost", "waited", 10*time.Second), Detail: "HTTP/1.1 404 Not Found\nAuthorization: <secret>\n\n{\"error\": \"<none>\"}",
			Values: []server.LookValue{{Name: "order_push_stage_seconds", Of: "push", V: 0.25}, {Name: "order_push_stage_seconds", Of: "visible", V: 9.75}, {Name: "probe_retries", V: 1}},
		}
	}
	up := server.LookDetail{At: now.Add(-40 * time.Second), Duration: 300 * time.Millisecond, Health: sample.Up, Version: "v41"}
	return map[string]server.CheckDetail{"push-shopee-sg": {
		Timeout: 12 * time.Second, Path: "default", Judges: true, Counts: true, Retries: 1, BurstEvery: time.Second, BurstFor: 2 * time.Minute,
		FollowUps: watch.RecheckStats{Seen: 23, Again: 30, Cleared: 20},
		Settings:  []server.Setting{{Key: "push.url", Value: "https://hooks.example.com/shopee"}, {Key: "push.headers.Authorization", Value: "<secret>"}},
		Looks:     []server.LookDetail{down(8*time.Second, true), down(20*time.Second, false), up},
		Failures:  []server.LookDetail{down(8*time.Second, true), down(20*time.Second, false), down(20*time.Hour, false)},
	}}
}

func TestTheAPITellsWhatACheckSaw(t *testing.T) {
	s := newServer(t, busy(), nil)
	got := ask(s, "GET", "/api/v1/checks/push-shopee-sg", "")
	if got.Code != http.StatusOK {
		t.Fatalf("status %d: %s", got.Code, got.Body)
	}
	for _, want := range []string{
		`"health":"down"`, `"every_seconds":15`, `"burst":{"every_seconds":1,"for_seconds":120}`, `"follow_ups":{"seen":23,"again":30,"cleared":20}`,
		`"raised":true`, `{"name":"order_push_stage_seconds","of":"visible","value":9.75}`, `"detail":"HTTP/1.1 404 Not Found`,
	} {
		if !strings.Contains(strings.NewReplacer(" ", "", "\n", "").Replace(got.Body.String()), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("the answer does not have %s:\n%s", want, got.Body)
		}
	}
	if missing := ask(s, "GET", "/api/v1/checks/push-shopee", ""); missing.Code != http.StatusNotFound || !strings.Contains(missing.Body.String(), "push-shopee-sg") {
		t.Errorf("an unknown check: %d %s, want 404 and the names that there are", missing.Code, missing.Body)
	}
}

// A scraped value may be one for which JSON has no word; the rest of the look is told all the same.
func TestAValueThatIsNoNumberIsToldAsText(t *testing.T) {
	for v, want := range map[float64]string{0.5: "0.5", math.NaN(): `"NaN"`, math.Inf(1): `"+Inf"`} {
		b, err := json.Marshal(server.LookValue{Name: "queue_depth", Of: "eu", V: v})
		if want := `{"name":"queue_depth","of":"eu","value":` + want + `}`; err != nil || string(b) != want {
			t.Errorf("got %s (%v), want %s", b, err, want)
		}
	}
}

func TestThePageOfACheckShowsEachFailureOnce(t *testing.T) {
	s := newServer(t, busy(), nil)
	body := ask(s, "GET", "/checks/push-shopee-sg?lang=en", "").Body.String()
	if n := strings.Count(body, "HTTP/1.1 404"); n != 3 {
		t.Errorf("%d failures are shown, want two of the last looks and an older one", n)
	}
	if n := strings.Count(body, "recheck</span>"); n != 1 {
		t.Errorf("%d looks are marked as raised, want one", n)
	}
	if page := ask(s, "GET", "/services/order-sync", "").Body.String(); !strings.Contains(page, `href="/checks/push-shopee-sg"`) {
		t.Error("the service's page does not lead to its checks")
	}
}
