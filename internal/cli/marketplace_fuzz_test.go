package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzMarketplaceInput: for any standard input the commands print one JSON object and exit 0, or
// print nothing but one line of error and exit 2.
func FuzzMarketplaceInput(f *testing.F) {
	f.Add(`{"platform":"shopee","kind":"request","secret":"s","app_key":"1","path":"/p","query":{"timestamp":"1"}}`)
	f.Add(`{"platform":"ebay","kind":"push","public_key":"AAAA","headers":{"x-ebay-signature":["e30="]}}`)
	f.Add(`{"platform":"shopify","status":200,"headers":{"Date":"x","RateLimit":"\"a\";r=1"},"body":{"errors":[]}}`)
	f.Add(`{"platform":"temu","status":1e2,"headers":null,"body":"\ud800"}`)
	f.Fuzz(func(t *testing.T, input string) {
		for _, command := range []string{"sign", "verify", "classify", "quota"} {
			code, stdout, stderr := runCLI(t, input, "marketplace", command)
			switch {
			case code == 0 && stderr == "" && json.Valid([]byte(stdout)):
			case code == 2 && stdout == "" && strings.Count(stderr, "\n") == 1:
			default:
				t.Errorf("%s: exit %d, %q, %q", command, code, stdout, stderr)
			}
		}
	})
}
