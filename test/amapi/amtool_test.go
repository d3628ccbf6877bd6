package amapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"guardian/test/rig"
)

type silence struct {
	ID       string
	Status   struct{ State string }
	Comment  string
	EndsAt   time.Time
	StartsAt time.Time

	CreatedBy string
	Matchers  []struct {
		Name, Value      string
		IsRegex, IsEqual bool
	}
}

func silencesOf(t *testing.T, g *rig.Guardian, args ...string) []silence {
	t.Helper()
	var list []silence
	text := must(t, g, append([]string{"silence", "query", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return list
}

func TestAmtoolHandlesSilences(t *testing.T) {
	t.Parallel()
	g := start(t, "")
	id := must(t, g, "silence", "add", "-a", "li.wei", "-c", "shop migration", "-d", "2h", "service=orders", `alertname!~"Slow|x"`)
	list := silencesOf(t, g)
	if len(list) != 1 || list[0].ID != id || list[0].Status.State != "active" || list[0].Comment != "shop migration" || list[0].CreatedBy != "li.wei" ||
		len(list[0].Matchers) != 2 || list[0].EndsAt.Sub(list[0].StartsAt).Round(time.Second) != 2*time.Hour {
		t.Fatalf("got %+v, want %s", list, id)
	}
	// The guardian's own API shows it, and the alert is silenced by it.
	var own struct {
		Silences []struct {
			ID, By   string
			Matchers []string
		}
	}
	g.Call("GET", "/api/v1/silences", nil, &own)
	if len(own.Silences) != 1 || own.Silences[0].ID != id || own.Silences[0].By != "li.wei" || strings.Join(own.Silences[0].Matchers, " ") != `service="orders" alertname!~"Slow|x"` {
		t.Errorf("its own API shows %+v", own)
	}
	g.Eventually("the alerts fire", func() bool {
		return len(alertsOf(t, must(t, g, "alert", "query", "-o", "json", "-a", "-s", "-i"))) == 2
	})
	if a := alertsOf(t, must(t, g, "alert", "query", "-o", "json", "-s"))["Down"]; a.Status.State != "suppressed" || len(a.Status.SilencedBy) != 1 || a.Status.SilencedBy[0] != id {
		t.Errorf("got %+v", a)
	}

	// A longer time is the same silence.
	if out := must(t, g, "silence", "update", "-d", "3h", "-c", "longer", id); !strings.Contains(out, id) {
		t.Errorf("update: %s", out)
	}
	if list := silencesOf(t, g); len(list) != 1 || list[0].ID != id || list[0].Comment != "longer" || list[0].EndsAt.Sub(list[0].StartsAt).Round(time.Second) != 3*time.Hour {
		t.Errorf("after the update: %+v", list)
	}
	// One that was made by the guardian's own API.
	var made struct{ ID string }
	g.Call("POST", "/api/v1/silences", map[string]any{"matchers": []string{`shop="sg-1"`}, "for": "1h", "comment": "own"}, &made)
	if list := silencesOf(t, g, "shop=sg-1"); len(list) != 1 || list[0].ID != made.ID {
		t.Errorf("its own silence: %+v", list)
	}
	if list := silencesOf(t, g, "--within", "90m"); len(list) != 1 || list[0].ID != made.ID {
		t.Errorf("those that end soon: %+v", list)
	}
	must(t, g, "silence", "expire", id)
	if list := silencesOf(t, g); len(list) != 1 || list[0].ID != made.ID {
		t.Errorf("after it ended: %+v", list)
	}
	if list := silencesOf(t, g, "--expired"); len(list) != 1 || list[0].ID != id || list[0].Status.State != "expired" {
		t.Errorf("ended ones: %+v", list)
	}
	if out, err := amtool(t, g, "silence", "expire", id); err == nil {
		t.Errorf("ended twice: %s", out)
	}
	if out, err := amtool(t, g, "silence", "add", "-c", "x", `service=~".*"`); err == nil || !strings.Contains(out, "everything would be silent") {
		t.Errorf("everything was silenced: %v %s", err, out)
	}
}

func TestAmtoolListsAlerts(t *testing.T) {
	t.Parallel()
	g := start(t, `inhibit_rules: [{source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [service]}]`)
	g.Eventually("the alerts fire", func() bool { return len(alertsOf(t, must(t, g, "alert", "query", "-o", "json", "-a", "-i"))) == 2 })
	all := alertsOf(t, must(t, g, "alert", "query", "-o", "json", "-a", "-i"))
	down, slow := all["Down"], all["Slow"]
	if down.Status.State != "active" || slow.Status.State != "suppressed" || len(slow.Status.InhibitedBy) != 1 || slow.Status.InhibitedBy[0] != down.Fingerprint ||
		len(down.Receivers) != 1 || down.Receivers[0].Name != "team" {
		t.Errorf("got %+v", all)
	}
	if got := alertsOf(t, must(t, g, "alert", "query", "-o", "json", "severity=critical")); len(got) != 1 || got["Down"].Fingerprint == "" {
		t.Errorf("critical ones: %+v", got)
	}
	if out := must(t, g, "alert", "query"); !strings.Contains(out, "Down") || strings.Contains(out, "Slow") {
		t.Errorf("amtool shows what is not inhibited: %s", out)
	}
	must(t, g, "alert", "add", "alertname=ByHand", "service=orders", "severity=warning", `--annotation=summary=a drill`)
	if got := alertsOf(t, must(t, g, "alert", "query", "-o", "json", "-a", "-i", "alertname=ByHand"))["ByHand"]; got.Status.State != "suppressed" || got.Annotations["summary"] != "a drill" {
		t.Errorf("what amtool added: %+v", got)
	}
	if out := must(t, g, "cluster", "show"); !strings.Contains(out, "disabled") {
		t.Errorf("cluster: %s", out)
	}
}
