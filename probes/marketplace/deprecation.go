package marketplace

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Deprecation is what an answer tells of its own end.
type Deprecation struct {
	At       *time.Time // when it is or was deprecated; may be in the future
	Sunset   *time.Time // when it ends
	Reason   string     // the platform's words
	Link     string     // where to read on
	Asked    string     // the version that was asked for, where another one answered
	Answered string     // the version that answered
}

func (d Deprecation) words() string {
	var say []string
	if d.Asked != "" {
		say = append(say, fmt.Sprintf("version %s was asked for and %s answered: the former is no longer served", d.Asked, d.Answered))
	}
	if d.At != nil {
		say = append(say, "it is deprecated from "+d.At.UTC().Format(time.DateOnly))
	}
	if d.Sunset != nil {
		say = append(say, "it ends at "+d.Sunset.UTC().Format(time.RFC3339))
	}
	if d.Reason != "" {
		say = append(say, "the platform deprecates it: "+fault{message: d.Reason}.told())
	}
	if len(say) == 0 {
		say = append(say, "it is deprecated")
	}
	if d.Link != "" {
		say = append(say, "see "+fault{message: d.Link}.told())
	}
	return strings.Join(say, "; ")
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

// deprecation adds to the headers that another version answered than was asked for.
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
