package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"guardian/internal/server"
)

func TestARoleIncludesThoseBeforeIt(t *testing.T) {
	for role, want := range map[server.Role]string{
		"viewer": "viewer", "deployer": "viewer deployer", "approver": "viewer deployer approver", "admin": "viewer deployer approver admin",
		"": "", "stranger": "",
	} {
		var may []string
		for _, need := range server.Roles() {
			if role.Includes(need) {
				may = append(may, string(need))
			}
		}
		if got := strings.Join(may, " "); got != want {
			t.Errorf("%q includes %q, want %q", role, got, want)
		}
		if role.Includes("stranger") {
			t.Errorf("%q includes a role that is not known", role)
		}
	}
}

// TestWhatAFormMustBe posts a form with its token, which approves a run, in ways that are refused.
func TestWhatAFormMustBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(header http.Header, form url.Values)
		taken  bool
	}{
		"of a page of ours": {func(http.Header, url.Values) {}, true},
		"not of a page of another site": {func(h http.Header, _ url.Values) {
			h.Set("Origin", "https://elsewhere.test")
			h.Set("Sec-Fetch-Site", "cross-site")
		}, false},
		"not with another token":    {func(_ http.Header, form url.Values) { form.Set("csrf", "x") }, false},
		"not longer than the limit": {func(_ http.Header, form url.Values) { form.Set("padding", strings.Repeat("x", 100<<10)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := secured()
			b := newBrowser(t, serve(t, m, nil))
			page := b.post(t, "/login", url.Values{"token": {"the approver"}, "next": {"/rollbacks/r_3"}})
			form := url.Values{"decision": {"approve"}, "csrf": {csrf(t, page)}}
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {b.base}, "Sec-Fetch-Site": {"same-origin"}}
			c.change(header, form)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.base+"/rollbacks/r_3", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = header
			got, err := b.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = got.Body.Close()
			if taken := m.runs[0].State == "running"; taken != c.taken || (got.StatusCode == http.StatusForbidden) == c.taken {
				t.Errorf("status %d, the run is %s", got.StatusCode, m.runs[0].State)
			}
		})
	}
}
