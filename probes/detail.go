package probes

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"guardian/internal/secret"
)

const (
	detailBody    = 2 << 10 // bytes of the body that are shown
	briefBody     = 200     // of a look that was up
	detailHeader  = 200     // bytes of a header's value
	detailHeaders = 40
)

// detail writes an exchange for a person: request line, status line, headers, and the
// beginning of the body, without secrets.
func (m masks) detail(x exchange) string { return m.describe(x, detailBody) }

// brief is detail with less of the body, for looks that were up.
func (m masks) brief(x exchange) string { return m.describe(x, briefBody) }

func (m masks) describe(x exchange, most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", x.request.method, x.request.shown())
	if x.status == 0 {
		return m.text(b.String())
	}
	fmt.Fprintf(&b, "%s %d %s\n", x.proto, x.status, http.StatusText(x.status))
	for _, line := range remarksTLS(x.tls, x.now) {
		fmt.Fprintf(&b, "%s\n", line)
	}
	names := make([]string, 0, len(x.header))
	for name := range x.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i == detailHeaders {
			fmt.Fprintf(&b, "… and %d more headers\n", len(names)-i)
			break
		}
		value := m.text(strings.Join(x.header[name], ", "))
		if secret.InHeader(name) {
			value = secret.Mask
		}
		fmt.Fprintf(&b, "%s: %s\n", name, oneLine(value, detailHeader))
	}
	if len(x.body) > 0 {
		// Masked before it is cut: half a secret is still half a secret.
		body := m.text(printable(string(x.body[:min(len(x.body), 16*most)])))
		fmt.Fprintf(&b, "\n%s", shorten(body, most))
	}
	return m.text(b.String())
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, strings.ToValidUTF8(s, "·"))
}
