package config_test

import (
	"fmt"
	"strings"
	"testing"

	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/probes"
)

func TestSettingsAreShownWithoutSecrets(t *testing.T) {
	equals := "ok"
	for address, want := range map[string]string{
		"https://u:pass-word-1@shop.example.com/orders?key=query-secret-1": "https://shop.example.com/orders",
		"https://pass-word-1@shop.example.com/{{.ID}}?k=query-secret-1":    "https://shop.example.com/{{.ID}}",
		"https://shop.example.com/a{{if .X}}?key=query-secret-1":           "https://shop.example.com/a{{if .X}}",
	} {
		s := &probes.HTTPSettings{
			Request: probes.Request{URL: address, Headers: map[string]secret.Secret{"X-Api-Key": secret.New("header-secret-1")}},
			Secrets: map[string]secret.Secret{"site": secret.New("named-secret-1")},
			Expect:  probes.Expect{JSON: []probes.JSONAssertion{{Path: "state", Equals: &equals}}, Status: []probes.StatusRange{{From: 200, To: 299}}},
		}
		var lines []string
		for _, line := range config.Shown(s) {
			lines = append(lines, fmt.Sprintf("%s: %s", line.Key, line.Value))
		}
		got := strings.Join(lines, "\n")
		for _, line := range []string{"headers.X-Api-Key: <secret>", "secrets.site: <secret>", "expect.status[0]: 200-299", "expect.json[0].path: state", "expect.json[0].equals: ok"} {
			if !strings.Contains(got, line) {
				t.Errorf("%q is missing:\n%s", line, got)
			}
		}
		if strings.Contains(got, "secret-1") || strings.Contains(got, "word-1") {
			t.Errorf("a secret is shown:\n%s", got)
		}
		if !strings.Contains(got, "url: "+want+"\n") {
			t.Errorf("the address is not %s:\n%s", want, got)
		}
	}
}
