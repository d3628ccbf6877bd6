package notifiertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"guardian/internal/secret"
	"guardian/notifiers"
)

// Messenger describes a kind of channel to be tested.
type Messenger struct {
	// Build makes a channel that posts to a server at base, with secrets of its own.
	Build func(t *testing.T, base string, env notifiers.Env) notifiers.Channel
	// Secrets are tokens and keys that must not appear in errors.
	Secrets []string
	// Accepted is the body with which the messenger confirms a message.
	Accepted string
	// Refused are bodies of HTTP 200 that do not confirm it.
	Refused []string
	// MaxBytes is the longest body that the messenger accepts.
	MaxBytes int
}

// Run tests that a channel implements notifiers.Channel correctly.
func Run(t *testing.T, m Messenger) {
	t.Helper()
	t.Run("the status decides between retry and permanent error", func(t *testing.T) { statuses(t, m) })
	t.Run("HTTP 200 without a confirmation is not a delivery", func(t *testing.T) { bodies(t, m) })
	t.Run("a lost answer is a retry", func(t *testing.T) { lost(t, m) })
	t.Run("it returns when the context ends", func(t *testing.T) { honours(t, m) })
	t.Run("errors contain no secrets", func(t *testing.T) { keeps(t, m) })
	t.Run("a redirect is not followed", func(t *testing.T) { redirects(t, m) })
	t.Run("the same notice twice is the same message", func(t *testing.T) { twice(t, m) })
	t.Run("a long notice fits, is valid and says that it was shortened", func(t *testing.T) { long(t, m) })
	t.Run("an empty notice is sent", func(t *testing.T) { poor(t, m) })
}

func notice() notifiers.Notice {
	return notifiers.Notice{
		ID: "n_contract", Key: "alert/1", Tier: "critical", Tone: notifiers.Bad, Lang: "zh",
		Title: "推单失败 <b>&", Text: "自 10:00 起失败\n第二行", Mention: true,
		Facts:   []notifiers.Fact{{Name: "当前值", Value: "0.8 < 0.95 & more"}},
		Steps:   []string{"看一看"},
		Links:   []notifiers.Link{{Text: "详情", URL: "https://guardian.example.com/watches/w_1?a=b&c=(d)"}},
		Labels:  map[string]string{"service": "order-sync"},
		Created: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
	}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

func statuses(t *testing.T, m Messenger) {
	t.Helper()
	for _, c := range []struct {
		status int
		after  string // Retry-After
		retry  bool
		wait   time.Duration
	}{
		{500, "", true, 0},
		{502, "", true, 0},
		{503, "", true, 0},
		{503, "7", true, 7 * time.Second},
		{429, "30", true, 30 * time.Second},
		{429, "", true, time.Minute},
		{429, "999999", true, time.Hour},
		{429, "9223372037", true, time.Hour}, // in nanoseconds more than an int64 holds
		{408, "", true, 0},
		{400, "", false, 0},
		{401, "", false, 0},
		{403, "", false, 0},
		{404, "", false, 0},
		{410, "", false, 0},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.after), func(t *testing.T) {
			base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, m.Accepted) // even if the body claims that all is well
			})
			err := m.Build(t, base, notifiers.Env{}).Send(t.Context(), notice())
			var retry *notifiers.Retry
			var permanent *notifiers.Permanent
			switch {
			case c.retry && (!errors.As(err, &retry) || retry.After != c.wait || retry.Penalty):
				t.Errorf("got %T %v, want a retry after %s", err, err, c.wait)
			case !c.retry && !errors.As(err, &permanent):
				t.Errorf("got %T %v, want a permanent error", err, err)
			}
			if err != nil && !strings.Contains(err.Error(), fmt.Sprint(c.status)) {
				t.Errorf("%q does not say the status", err)
			}
		})
	}
}

func bodies(t *testing.T, m Messenger) {
	t.Helper()
	try := func(body string) error {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		return m.Build(t, base, notifiers.Env{}).Send(t.Context(), notice())
	}
	if err := try(m.Accepted); err != nil {
		t.Errorf("%q did not count as a delivery: %v", m.Accepted, err)
	}
	for _, body := range m.Refused {
		if try(body) == nil {
			t.Errorf("HTTP 200 with %q counted as a delivery", body)
		}
	}
}

func lost(t *testing.T, m Messenger) {
	t.Helper()
	base := serve(t, func(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	err := m.Build(t, base, notifiers.Env{}).Send(t.Context(), notice())
	var retry *notifiers.Retry
	if !errors.As(err, &retry) || retry.Penalty {
		t.Errorf("got %T %v, want a retry", err, err)
	}
}

func honours(t *testing.T, m Messenger) {
	t.Helper()
	base := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server sees a client leave only once the body is read
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := m.Build(t, base, notifiers.Env{}).Send(ctx, notice()) // the server never answers
	var retry *notifiers.Retry
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &retry) {
		t.Errorf("got %T %v, want a retry that is context.DeadlineExceeded", err, err)
	}
}

func keeps(t *testing.T, m Messenger) {
	t.Helper()
	var asked string
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String() + r.Header.Get("Authorization")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, "cannot serve %s %s", r.URL, r.Header.Get("Authorization"))
	})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	redactor := &secret.Redactor{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, try := range map[string]func() (notifiers.Channel, error){
		"a server that quotes the request": func() (notifiers.Channel, error) {
			c := m.Build(t, echo, notifiers.Env{Redactor: redactor})
			return c, c.Send(t.Context(), notice())
		},
		"no server": func() (notifiers.Channel, error) {
			c := m.Build(t, gone.URL, notifiers.Env{})
			return c, c.Send(t.Context(), notice())
		},
		"no such host": func() (notifiers.Channel, error) {
			c := m.Build(t, "http://no-such-host.invalid", notifiers.Env{})
			return c, c.Send(t.Context(), notice())
		},
		"a cancelled call": func() (notifiers.Channel, error) {
			c := m.Build(t, gone.URL, notifiers.Env{})
			return c, c.Send(ctx, notice())
		},
	} {
		c, err := try()
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, s := range m.Secrets {
				for _, seen := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%+v", c)} {
					if strings.Contains(seen, s) || strings.Contains(seen, url.QueryEscape(s)) {
						t.Errorf("%s: %q shows the secret %q", name, seen, s)
					}
				}
			}
		}
	}
	if !strings.Contains(asked, m.Secrets[0]) {
		t.Errorf("the request %q did not carry the secret: this test proves nothing", asked)
	}
	if got := redactor.Redact("x " + asked + " y"); strings.Contains(got, m.Secrets[0]) {
		t.Errorf("building the channel did not teach the redactor: it leaves %q", got)
	}
}

func redirects(t *testing.T, m Messenger) {
	t.Helper()
	other := 0
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		other++
		_, _ = io.WriteString(w, m.Accepted)
	})
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+r.URL.String(), http.StatusTemporaryRedirect)
	})
	err := m.Build(t, base, notifiers.Env{}).Send(t.Context(), notice())
	var permanent *notifiers.Permanent
	if !errors.As(err, &permanent) || other != 0 {
		t.Errorf("got %T %v and %d calls elsewhere, want a permanent error and none", err, err, other)
	}
}

func twice(t *testing.T, m Messenger) {
	t.Helper()
	var got []string
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Header.Get("Idempotency-Key")+" "+string(body))
		_, _ = io.WriteString(w, m.Accepted)
	})
	c := m.Build(t, base, notifiers.Env{})
	for range 2 {
		if err := c.Send(t.Context(), notice()); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || got[0] != got[1] {
		t.Errorf("the same notice gave different messages:\n%s", strings.Join(got, "\n"))
	}
}

func long(t *testing.T, m Messenger) {
	t.Helper()
	for name, text := range map[string]string{
		"chinese": strings.Repeat("订单推送失败，店铺新加坡一号。\n", 20000),
		"escapes": strings.Repeat(`"<&>\`+"\n", 50000),
		"emoji":   strings.Repeat("👩‍👩‍👧‍👦🔥", 20000),
		"invalid": strings.Repeat("\xff\xfe好", 30000),
	} {
		n := notice()
		n.Title, n.Text = text, text
		for i := range 200 {
			n.Facts = append(n.Facts, notifiers.Fact{Name: fmt.Sprint(i, text[:30]), Value: text[:min(len(text), 9000)]})
			n.Steps = append(n.Steps, text[:min(len(text), 3000)])
			n.Links = append(n.Links, notifiers.Link{Text: text[:300], URL: "https://guardian.example.com/" + strings.Repeat("a", i*20)})
		}
		var body []byte
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ = io.ReadAll(r.Body)
			_, _ = io.WriteString(w, m.Accepted)
		})
		if err := m.Build(t, base, notifiers.Env{}).Send(t.Context(), n); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(body) > m.MaxBytes {
			t.Errorf("%s: the body has %d bytes, the messenger takes %d", name, len(body), m.MaxBytes)
		}
		if !utf8.Valid(body) {
			t.Errorf("%s: a character was cut in two", name)
		}
		if !strings.Contains(string(body), "已截断，完整内容见链接") || !strings.Contains(string(body), "guardian.example.com") {
			t.Errorf("%s: it does not say that it was shortened and where all of it is", name)
		}
	}
}

func poor(t *testing.T, m Messenger) {
	t.Helper()
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, m.Accepted) })
	if err := m.Build(t, base, notifiers.Env{}).Send(t.Context(), notifiers.Notice{}); err != nil {
		t.Error(err)
	}
}
