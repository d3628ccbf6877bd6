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
