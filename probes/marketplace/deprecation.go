package marketplace

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"guardian/internal/reason"
)

// Deprecation is what an answer says about the end of its operation or version.
type Deprecation struct {
	At       *time.Time // when it is or was deprecated; may be in the future
	Sunset   *time.Time // when it ends
	Reason   string     // the platform's words
	Link     string     // to more information
	Asked    string     // the requested version, if another one answered
	Answered string     // the version that answered
}

func (d Deprecation) reason() reason.Reason {
	all := []reason.Reason{reason.New("market_deprecated")}
	if d.Asked != "" {
		all = append(all, reason.New("market_version_replaced", "asked", d.Asked, "answered", d.Answered))
	}
	if d.At != nil {
		all = append(all, reason.New("market_deprecated_from", "at", *d.At))
	}
	if d.Sunset != nil {
		all = append(all, reason.New("market_deprecated_until", "at", *d.Sunset))
	}
	if d.Reason != "" {
		all = append(all, reason.New("market_said", "said", fault{message: d.Reason}.text()))
	}
	if d.Link != "" {
		all = append(all, reason.New("market_see", "link", fault{message: d.Link}.text()))
	}
	return reason.Join(all...)
}

// ReadDeprecation reads Deprecation (RFC 9745, also true and an HTTP-date as its drafts had
// them), Sunset (RFC 8594), their links, and Shopify's X-Shopify-API-Deprecated-Reason. What
// is malformed is ignored.
func ReadDeprecation(h http.Header) (Deprecation, bool) {
	var d Deprecation
	found := false
	if v := strings.TrimSpace(h.Get("Deprecation")); v != "" {
		if at, ok := deprecationDate(v); ok {
			d.At, found = &at, true
		} else if strings.EqualFold(v, "true") || v == "?1" {
			found = true
		}
	}
	if at, err := http.ParseTime(strings.TrimSpace(h.Get("Sunset"))); err == nil {
		d.Sunset, found = &at, true
	}
	if v := strings.TrimSpace(h.Get("X-Shopify-API-Deprecated-Reason")); v != "" {
		d.Reason, found = v, true
	}
	if !found {
		return Deprecation{}, false
	}
	for _, rel := range []string{"deprecation", "sunset", "successor-version"} {
		if link, ok := linkTo(h.Values("Link"), rel); ok {
			d.Link = link
			break
		}
	}
	return d, true
}

func deprecationDate(v string) (time.Time, bool) {
	if epoch, ok := strings.CutPrefix(v, "@"); ok {
		epoch, _, _ = strings.Cut(epoch, ";")
		n, err := strconv.ParseInt(strings.TrimSpace(epoch), 10, 64)
		// Year 9999 ends at 253402300799: later is no date that anybody can write.
		return time.Unix(n, 0).UTC(), err == nil && n >= 0 && n <= 253402300799
	}
	t, err := http.ParseTime(v)
	return t, err == nil
}

// linkTo gives the target of the first Link (RFC 8288) with a relation.
func linkTo(lines []string, rel string) (string, bool) {
	for _, line := range lines {
		for rest := line; ; {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			own, _, _ := strings.Cut(params, "<")
			for param := range strings.SplitSeq(own, ";") {
				name, value, _ := strings.Cut(strings.Trim(param, " ,"), "=")
				if strings.EqualFold(name, "rel") && strings.EqualFold(strings.Trim(value, `" ,`), rel) {
					return target, true
				}
			}
			rest = params
		}
	}
	return "", false
}

// deprecation reads the headers, and whether another version answered than was requested.
func (p Platform) deprecation(a Answer) (Deprecation, bool) {
	d, ok := ReadDeprecation(a.Header)
	if p.served == nil {
		return d, ok
	}
	if asked, answered := p.served(a); asked != "" && answered != "" && asked != answered {
		d.Asked, d.Answered, ok = asked, answered, true
	}
	return d, ok
}
