package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"guardian/internal/secret"
)

const text = "hunter2/with+odd characters"

func TestASecretPrintsNowhere(t *testing.T) {
	s := secret.New(text)
	type holder struct {
		S secret.Secret
		P *secret.Secret
		M map[string]secret.Secret
	}
	type hidden struct{ s secret.Secret }
	h := holder{S: s, P: &s, M: map[string]secret.Secret{"k": s}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, &s, h, &h, []secret.Secret{s}, hidden{s}, &hidden{s}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "hunter2") || strings.Contains(got, fmt.Sprintf("%x", text)) {
				t.Errorf("Sprintf(%q, %T) shows the secret: %s", verb, v, got)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, s); got != secret.Mask {
			t.Errorf("Sprintf(%q) is %q, want the mask", verb, got)
		}
	}
	if got := slog.AnyValue(s).Resolve().Any(); got != secret.Mask {
		t.Errorf("a handler that resolves a log value gets %v, want the mask", got)
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "hunter2") {
		t.Errorf("JSON shows the secret: %s", b)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "h", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "h", h)
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("a log shows the secret: %s", log.String())
	}
	if s.Reveal() != text {
		t.Errorf("Reveal gives %q", s.Reveal())
	}
}

func TestRedactorTakesOutEveryFormOfASecret(t *testing.T) {
	var r secret.Redactor
	r.Learn(secret.New(text), secret.New("https://hooks.example.com/services/T0/B0/xyz?access_token=abc"), secret.New("ab"))
	for name, c := range map[string]struct{ in, want string }{
		"in the clear":            {"password " + text + " refused", "password <secret> refused"},
		"escaped for a query":     {"?p=hunter2%2Fwith%2Bodd+characters", "?p=<secret>"},
		"a webhook's whole URL":   {`Post "https://hooks.example.com/services/T0/B0/xyz?access_token=abc": EOF`, `Post "<secret>": EOF`},
		"a webhook's path alone":  {"POST /services/T0/B0/xyz?access_token=abc refused", "POST <secret> refused"},
		"too short to search for": {"ab is no secret to search for", "ab is no secret to search for"},
		"nothing to take out":     {"connection refused", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.Redact(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestARedactorKnowsSecretsInEveryOrder(t *testing.T) {
	for name, c := range map[string]struct {
		secrets  []string
		in, want string
	}{
		"one that contains another, learned later":   {[]string{"hunter2", "hunter2-and-more"}, "x hunter2-and-more", "x <secret>"},
		"one that contains another, learned earlier": {[]string{"hunter2-and-more", "hunter2"}, "x hunter2-and-more", "x <secret>"},
		"a line break at the end of its file":        {[]string{"hunter2\n"}, "password hunter2 refused", "password <secret> refused"},
		"escaped in a path":                          {[]string{"a b/c+d"}, "/login/a%20b%2Fc+d/x", "/login/<secret>/x"},
		"quoted with escapes":                        {[]string{"hun\"ter\t2"}, `parse "hun\"ter\t2": no`, `parse "<secret>": no`},
	} {
		t.Run(name, func(t *testing.T) {
			var r secret.Redactor
			for _, s := range c.secrets {
				r.Learn(secret.New(s))
			}
			if got := r.Redact(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestARedactedErrorIsStillItself(t *testing.T) {
	var r secret.Redactor
	r.Learn(secret.New("hunter2!"))
	err := r.Error(fmt.Errorf("open hunter2!: %w", fs.ErrNotExist))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("errors.Is no longer sees the cause")
	}
	if got := err.Error(); got != "open <secret>: file does not exist" {
		t.Errorf("got %q", got)
	}
	if r.Error(nil) != nil {
		t.Error("nil became an error")
	}
}

func TestANilRedactorChangesNothing(t *testing.T) {
	var r *secret.Redactor
	if got := r.Redact("x"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func TestACommonWordDoesNotEatOtherTexts(t *testing.T) {
	var r secret.Redactor
	r.Learn(secret.New("order"), secret.New("2026"), secret.New("guardian"), secret.New("订单系统"), secret.New("topsecretword"), secret.New("0rder"))
	for in, want := range map[string]string{
		"the order was not found among the orders of 2026":      "the order was not found among the orders of 2026",
		"GET https://guardian.example.com/order?id=7":           "GET https://guardian.example.com/order?id=7",
		"订单系统 is slow":                                          "订单系统 is slow",
		"postgres://shop:order@db/x refused":                    "postgres://shop:<secret>@db/x refused",
		`{"user":"a","password":"order"}`:                       `{"user":"a","password":"<secret>"}`,
		"user=a&pass=2026&order=1":                              "user=a&pass=<secret>&order=1",
		"GET /x?access_token=guardian&order=1":                  "GET /x?access_token=<secret>&order=1",
		"Authorization: Bearer guardian":                        "Authorization: Bearer <secret>",
		"wrong password 'order' for shop":                       "wrong password '<secret>' for shop",
		"密码：订单系统，不正确":                                           "密码：<secret>，不正确",
		"password orders":                                       "password orders",
		"what is longer, topsecretword, is a secret anywhere":   "what is longer, <secret>, is a secret anywhere",
		"and what mixes letters and digits, as in x0rderx, too": "and what mixes letters and digits, as in x<secret>x, too",
	} {
		if got := r.Redact(in); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestWhichHeadersAreSecret(t *testing.T) {
	for header, want := range map[[2]string]bool{
		{"Authorization", "x"}: true, {"X-Api-Key", "x"}: true, {"Cookie", "a=b"}: true, {"X-Shop-Pass", "x"}: true, {"X-Signing-Key", "x"}: true,
		{"Accept", "application/json; charset=utf-8"}: false, {"X-Shop", "sg-1"}: false, {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}: false,
		{"X-Region", "cn-shenzhen-production"}: false, {"Idempotency-Key", "x"}: false, {"X-Shop", "9f8a7b6c5d4e3f2a1b"}: true,
		{"X-Tenant", "eyJhbGciOiJIUzI1NiJ9.e30.abc123"}: true,
	} {
		if got := secret.HeaderValue(header[0], header[1]); got != want {
			t.Errorf("%v: %t", header, got)
		}
	}
}
