package secret_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"guardian/internal/secret"
)

// Libraries and targets quote the header that was sent: a user and a password together, in base64.
func TestBasicCredentialsAreRedactedInAnySpelling(t *testing.T) {
	r := &secret.Redactor{}
	r.Learn(secret.New("pa55-word~>?of-erp"), secret.New("order"))
	for _, password := range []string{"pa55-word~>?of-erp", "order"} {
		for _, user := range []string{"", "a", "ab", "guardian", "运营"} {
			both := user + ":" + password
			for _, code := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
				value := code.EncodeToString([]byte(both))
				for _, text := range []string{
					"Authorization: Basic " + value, "authorization: basic " + value, `{"Authorization":["Basic ` + value + `"]}`, "BASIC%20" + url.QueryEscape(value),
					"sent " + value + ".", `"` + value + `"`, "auth=" + url.QueryEscape(value) + "&x=1", "Basic  " + value,
					"https://erp.example.com/callback/" + value, "GET /v1/" + value,
				} {
					if got := r.Redact(text); strings.Contains(got, value) || strings.Contains(got, url.QueryEscape(value)) || !strings.Contains(got, secret.Mask) {
						t.Errorf("%q became %q", text, got)
					}
				}
			}
		}
	}
	stranger := "Basic " + base64.StdEncoding.EncodeToString([]byte("somebody:else"))
	if got := r.Redact(stranger); got != "Basic "+secret.Mask {
		t.Errorf("credentials that nobody named: %q", got)
	}
	for _, text := range []string{"basic authentication failed", "Basic realm=\"erp\"", "order 4711 of shop sg-1", "trace 0af7651916cd43dd8448eb211c80319c", "bWFueSBvcmRlcnM="} {
		if got := r.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
