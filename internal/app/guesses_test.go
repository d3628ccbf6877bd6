package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Who guesses at tokens is told to people, by the outbox, once.
func TestPeopleAreToldOfGuessesAtTokens(t *testing.T) {
	o := newOutside(t)
	dir, c := t.TempDir(), newClock(time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC))
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte("groups: []"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(watchedConfig, o.URL) + "tokens: [{name: ci, role: deployer, token: \"a-token-of-the-contract\"}]\n"
	s := stepped(t, dir, text, c)
	guess := func(n int) {
		t.Helper()
		for i := range n {
			q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://guardian.example.com/api/v1/services", nil)
			q.RemoteAddr = "203.0.113.9:4711"
			q.Header.Set("Authorization", fmt.Sprintf("Bearer guess-%d", i))
			s.Handler().ServeHTTP(httptest.NewRecorder(), q)
		}
	}
	told := func() (n int) {
		t.Helper()
		s.SelfCheck(t.Context())
		titles, err := s.Deliveries(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, title := range titles {
			if strings.Contains(title, "has a problem: many wrong tokens or logins") {
				n++
			}
		}
		return n
	}
	guess(10)
	if n := told(); n != 0 {
		t.Errorf("told %d times of ten wrong tokens", n)
	}
	guess(50)
	for range 3 {
		c.set(c.now().Add(5 * time.Second))
		if n := told(); n != 1 {
			t.Errorf("told %d times of an address that guesses, want once", n)
		}
	}
}
