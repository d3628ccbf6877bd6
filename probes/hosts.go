package probes

import (
	"net"
	"net/url"
	"strings"
)

// Hosted is settings that name the host that a check looks at.
type Hosted interface {
	// LooksAt gives the host, with its port where that is known; "" if it is not known before the look.
	LooksAt() string
}

// LooksAt implements Hosted.
func (r *Request) LooksAt() string { return hostOf(r.URL) }

// LooksAt implements Hosted.
func (t *Target) LooksAt() string { return t.Address }

// LooksAt implements Hosted.
func (s *SQL) LooksAt() string { return hostOf(s.DSN.Reveal()) }

// hostOf returns the host of an address; "" if it is made by a template or is no address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || strings.Contains(u.Host, "{") {
		return ""
	}
	if port := map[string]string{"http": "80", "https": "443", "postgres": "5432", "postgresql": "5432"}[u.Scheme]; u.Port() == "" && port != "" && u.Host != "" {
		return net.JoinHostPort(u.Hostname(), port)
	}
	return u.Host
}
