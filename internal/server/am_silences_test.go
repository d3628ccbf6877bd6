package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

type amSilence struct {
	ID     string
	Status struct{ State string }

	Matchers []struct {
		Name, Value      string
		IsRegex, IsEqual bool
	}
	StartsAt, EndsAt, UpdatedAt time.Time
	CreatedBy, Comment          string
	Annotations                 map[string]string
}

// postable is the body of a silence from and until some time after now.
func postable(id string, from, until time.Duration, matchers string) string {
	at := func(d time.Duration) string { return fixedNow().Add(d).Format(time.RFC3339Nano) }
	return fmt.Sprintf(`{"id":%q,"matchers":%s,"startsAt":%q,"endsAt":%q,"createdBy":"li.wei","comment":"known"}`, id, matchers, at(from), at(until))
}

const fooBar = `[{"name":"foo","value":"bar","isRegex":false,"isEqual":true}]`

func postSilence(t *testing.T, base, body string) string {
	t.Helper()
	got := send(t, base, "POST", "/api/v2/silences", body)
	var made struct{ SilenceID string }
	if got.status != http.StatusOK {
		t.Fatalf("%s: %d %s", body, got.status, got.body)
	}
	got.json(t, &made)
	return made.SilenceID
}

func TestAlertmanagersSilences(t *testing.T) {
	base := serve(t, busy(), nil)
	all := `[{"name":"a","value":"1","isRegex":false},{"name":"b","value":"2","isRegex":false,"isEqual":false},` +
		`{"name":"c d","value":"3|4","isRegex":true,"isEqual":true},{"name":"e","value":"5","isRegex":true,"isEqual":false}]`
	id := postSilence(t, base, strings.Replace(postable("", -time.Minute, time.Hour, all), `{"id":"",`, `{"annotations":{"ticket":"OPS-1"},"unknown":1,`, 1))

	var one amSilence
	send(t, base, "GET", "/api/v2/silence/"+id, "").json(t, &one)
	if one.ID != id || one.Status.State != "active" || one.CreatedBy != "li.wei" || one.Comment != "known" || one.Annotations["ticket"] != "OPS-1" ||
		!one.StartsAt.Equal(fixedNow().Truncate(time.Millisecond)) || !one.EndsAt.Equal(fixedNow().Add(time.Hour).Truncate(time.Millisecond)) || one.UpdatedAt.IsZero() {
		t.Errorf("got %+v", one)
	}
	if got := fmt.Sprint(one.Matchers); got != "[{a 1 false true} {b 2 false false} {c d 3|4 true true} {e 5 true false}]" {
		t.Errorf("matchers %s", got)
	}
	// The same silence by the guardian's own call.
	if own := send(t, base, "GET", "/api/v1/silences", ""); !strings.Contains(own.body, id) || !strings.Contains(own.body, `"\"c d\"=~\"3|4\""`) {
		t.Errorf("the guardian's own list has it not: %s", own.body)
	}
	if got := send(t, base, "DELETE", "/api/v2/silence/"+id, ""); got.status != 200 || got.body != "" {
		t.Errorf("ended: %d %s", got.status, got.body)
	}
	send(t, base, "GET", "/api/v2/silence/"+id, "").json(t, &one)
	if one.Status.State != "expired" {
		t.Errorf("ended, and %s", one.Status.State)
	}
	for _, call := range [][2]string{{"DELETE", "/api/v2/silence/" + id}, {"DELETE", "/api/v2/silence/x"}, {"GET", "/api/v2/silence/x"}} {
		if got := send(t, base, call[0], call[1], ""); got.status != 404 {
			t.Errorf("%s %s: %d %s", call[0], call[1], got.status, got.body)
		}
	}
}

// A change that leaves what was muted as it was keeps the ID; any other ends the silence and makes
// another one.
func TestChangingASilence(t *testing.T) {
	base := serve(t, busy(), nil)
	active := postSilence(t, base, postable("", 0, time.Hour, fooBar))
	if id := postSilence(t, base, postable(active, 0, 2*time.Hour, fooBar)); id != active {
		t.Errorf("a later end made another silence: %s", id)
	}
	for name, c := range map[string]struct{ from, change string }{
		"other matchers":                         {postable("", 0, time.Hour, fooBar), postable("%s", 0, time.Hour, `[{"name":"foo","value":"baz","isRegex":false}]`)},
		"another beginning":                      {postable("", 0, time.Hour, fooBar), postable("%s", time.Minute, time.Hour, fooBar)},
		"pending, with a beginning that is over": {postable("", time.Minute, time.Hour, fooBar), postable("%s", -time.Minute, time.Hour, fooBar)},
	} {
		before := postSilence(t, base, c.from)
		after := postSilence(t, base, fmt.Sprintf(c.change, before))
		var old, changed amSilence
		send(t, base, "GET", "/api/v2/silence/"+before, "").json(t, &old)
		send(t, base, "GET", "/api/v2/silence/"+after, "").json(t, &changed)
		if after == before || old.Status.State != "expired" || changed.Status.State == "expired" || changed.StartsAt.Before(fixedNow().Truncate(time.Millisecond)) {
			t.Errorf("%s: %s is %s, %s is %s from %s", name, before, old.Status.State, after, changed.Status.State, changed.StartsAt)
		}
	}
	pending := postSilence(t, base, postable("", time.Minute, time.Hour, fooBar))
	if id := postSilence(t, base, postable(pending, 2*time.Minute, time.Hour, fooBar)); id != pending {
		t.Errorf("a pending silence was put off and is now %s", id)
	}
	if got := send(t, base, "POST", "/api/v2/silences", postable("s_none", 0, time.Hour, fooBar)); got.status != 404 {
		t.Errorf("a change of none: %d %s", got.status, got.body)
	}
}

func TestMistakesInAlertmanagersSilences(t *testing.T) {
	base := serve(t, busy(), nil)
	for name, c := range map[string]struct{ body, says string }{
		"nothing":                 {`{}`, "/matchers: is required"},
		"no JSON":                 {`{`, "ends too early"},
		"no matchers":             {postable("", 0, time.Hour, `[]`), "/matchers: is required"},
		"no name":                 {postable("", 0, time.Hour, `[{"value":"x","isRegex":false}]`), "/matchers/0: name, value and isRegex are required"},
		"an empty name":           {postable("", 0, time.Hour, `[{"name":"","value":"x","isRegex":false}]`), "no label name"},
		"no regular expression":   {postable("", 0, time.Hour, `[{"name":"a","value":"(","isRegex":true}]`), "missing closing"},
		"everything":              {postable("", 0, time.Hour, `[{"name":"a","value":".*","isRegex":true}]`), "everything would be silent"},
		"an end before the start": {postable("", time.Hour, time.Minute, fooBar), "start time must be before end time"},
		"an end that is over":     {postable("", -2*time.Hour, -time.Hour, fooBar), "is in the past"},
		"a silence for ever":      {postable("", 0, 100*24*time.Hour, fooBar), "90d"},
		"nobody":                  {strings.Replace(postable("", 0, time.Hour, fooBar), "createdBy", "by", 1), "/createdBy: is required"},
	} {
		got := send(t, base, "POST", "/api/v2/silences", c.body)
		var text string
		if err := json.Unmarshal([]byte(got.body), &text); err != nil || got.status != http.StatusBadRequest || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s %v; want 400 and a text that says %q", name, got.status, got.body, err, c.says)
		}
	}
}

func TestAlertmanagersSilencesAreFilteredAndSorted(t *testing.T) {
	m := busy()
	m.silences = nil
	base := serve(t, m, nil)
	late := postSilence(t, base, postable("", 0, 2*time.Hour, fooBar))
	soon := postSilence(t, base, postable("", 0, time.Hour, `[{"name":"foo","value":"bar","isRegex":false},{"name":"x","value":"y.*","isRegex":true}]`))
	next := postSilence(t, base, postable("", 2*time.Minute, time.Hour, fooBar))
	first := postSilence(t, base, postable("", time.Minute, time.Hour, fooBar))
	gone := postSilence(t, base, postable("", 0, time.Hour, fooBar))
	send(t, base, "DELETE", "/api/v2/silence/"+gone, "")
	for query, want := range map[string][]string{
		"":                                      {soon, late, first, next, gone},
		"active=false":                          {first, next, gone},
		"expired=false&pending=false":           {soon, late},
		"filter=foo%3Dbar&active=0":             {first, next, gone},
		"filter=" + url.QueryEscape(`x=~"y.*"`): {soon},
		"filter=foo%3Dbar&filter=x%3D~y.*":      {soon},
		"filter=foo%3D~bar":                     {},
		"filter=x%3Dy.*":                        {},
	} {
		var list []amSilence
		send(t, base, "GET", "/api/v2/silences?"+query, "").json(t, &list)
		ids := []string{}
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		if fmt.Sprint(ids) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", query, ids, want)
		}
	}
	for _, bad := range []string{"{foo=bar}", "foo", "a=~("} {
		if got := send(t, base, "GET", "/api/v2/silences?filter="+url.QueryEscape(bad), ""); got.status != 400 {
			t.Errorf("filter %s: %d %s", bad, got.status, got.body)
		}
	}
}

func TestAlertmanagersStatusAndReceivers(t *testing.T) {
	base := serve(t, busy(), nil)
	var status struct {
		Cluster     struct{ Status string }
		VersionInfo struct{ Version, GoVersion string }
		Config      struct{ Original *string }
		Uptime      time.Time
	}
	send(t, base, "GET", "/api/v2/status", "").json(t, &status)
	if status.Cluster.Status != "disabled" || status.VersionInfo.GoVersion == "" || status.Config.Original == nil || status.Uptime.IsZero() {
		t.Errorf("got %+v", status)
	}
	if got := send(t, base, "GET", "/api/v2/receivers", ""); got.body != `[{"name":"oncall"},{"name":"log"}]`+"\n" {
		t.Errorf("got %s", got.body)
	}
	if got := send(t, base, "GET", "/api/v2/receivers?receiver_matchers=team%3Dx", ""); got.body != "[]\n" {
		t.Errorf("receivers of a label: %s", got.body)
	}
	if got := send(t, base, "GET", "/api/v2/nothing", ""); got.status != 404 {
		t.Errorf("got %d", got.status)
	}
}
