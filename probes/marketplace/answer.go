package marketplace

import (
	"net/http"
	"strings"
	"time"

	"guardian/internal/reason"
)

// Class is what an answer means for whoever is on call.
type Class string

// The classes.
const (
	OK                 Class = "ok"
	Throttled          Class = "throttled"           // a quota is used up
	CredentialBad      Class = "credential_bad"      // token or signature is not taken
	CredentialExpiring Class = "credential_expiring" // it works, and will not for long
	Permission         Class = "permission"          // who asks is known and may not
	InSandbox          Class = "sandbox"             // the sandbox's limits, not production's
	Deprecated         Class = "deprecated"          // it works and will be taken away, or was
	TheirFault         Class = "their_fault"
	OurFault           Class = "our_fault"
)

// Classes lists them.
func Classes() []Class {
	return []Class{OK, Throttled, CredentialBad, CredentialExpiring, Permission, InSandbox, Deprecated, TheirFault, OurFault}
}

// Answer is a platform's answer to one request.
type Answer struct {
	Operation    string // the platform's name of what was called; "" is looked up by method and path, which stands in for it
	Method, Path string // of the request, where known; the path may have its query
	Status       int    // 100 to 599
	Header       http.Header
	Body         []byte
}

// Meaning is what an answer says.
type Meaning struct {
	Class       Class
	Code        string         // the platform's own code of the error, "" if there is none
	RetryAfter  *time.Duration // when the platform tells it; not negative
	Why         reason.Reason  // what happened, for people
	Quota       []Reading
	Deprecation *Deprecation // when the answer tells of one
	Expires     *time.Time   // until when the authorisation lives, when the answer tells it
}

// fault is the error that an answer's body or headers tell.
type fault struct {
	code, message string
	theirs        bool // the platform says that the error is its own
	credential    bool // it is about the credential, whatever the status
	unreadable    bool // there should be a body, and it is none
}

func (f fault) is() bool { return f.code != "" || f.message != "" }

// known is one documented error. The first one that matches counts; empty fields match all.
type known struct {
	status   int    // of the answer
	code     string // exact, without case
	contains string // in the message, without case
	class    Class
	why      string // the code of the reason
	// wait gives how long to wait where code or message tell; headers come before it.
	wait func(f fault, a Answer, now time.Time) (time.Duration, bool)
}

func (k known) matches(a Answer, f fault) bool {
	return (k.status == 0 || k.status == a.Status) &&
		(k.code == "" || strings.EqualFold(k.code, f.code)) &&
		(k.contains == "" || strings.Contains(strings.ToLower(f.message), strings.ToLower(k.contains)))
}

// Read tells what an answer means: from status, headers, body code and message together,
// because HTTP 200 is no success on most platforms, one code stands for a dozen failures on
// some, and 503 is never a throttle.
func (p Platform) Read(a Answer, now time.Time) Meaning {
	if a.Operation == "" {
		o, _ := p.Operation(a.Method, a.Path)
		path, _, _ := strings.Cut(a.Path, "?")
		a.Operation = orElse(o.Name, path)
	}
	if a.Header == nil {
		a.Header = http.Header{}
	}
	f := p.fault(a)
	m := p.classify(a, f, now)
	m.Code = f.code
	m.Quota = p.readings(a, now)
	if wait, ok := RetryAfter(a.Header.Get("Retry-After"), now); ok {
		m.RetryAfter = &wait
	} else if m.RetryAfter == nil && m.Class == Throttled {
		m.RetryAfter = untilReset(m.Quota, now)
	}
	if m.Class == Throttled {
		m.Quota = usedUp(m.Quota, a, f, m.RetryAfter, now)
	}
	if d, ok := p.deprecation(a); ok {
		m.Deprecation = &d
		if m.Class == OK {
			m.Class, m.Why = Deprecated, d.reason()
		}
	}
	if p.expiry != nil && (m.Class == OK || m.Class == Deprecated) {
		if ends, early, ok := p.expiry(a, now); ok {
			m.Expires = &ends
			// Also when the end is past: the answer itself shows that it works still.
			if ends.Sub(now) <= early {
				m.Class, m.Why = CredentialExpiring, reason.New("market_authorisation_ends", "at", ends)
			}
		}
	}
	return m
}

func (p Platform) classify(a Answer, f fault, now time.Time) Meaning {
	for _, k := range p.codes {
		if !k.matches(a, f) || (k.code != "" || k.contains != "") && !f.is() {
			continue
		}
		m := Meaning{Class: k.class, Why: p.said(reason.New(k.why, "platform", p.Title), f)}
		if k.wait != nil {
			if d, ok := k.wait(f, a, now); ok {
				m.RetryAfter = &d
			}
		}
		return m
	}
	if a.Status < 500 && a.Status != http.StatusTooManyRequests && strings.Contains(strings.ToLower(f.message), "sandbox") {
		return Meaning{Class: InSandbox, Why: p.said(reason.New("market_sandbox_cannot"), f)}
	}
	return p.byStatus(a, f)
}

// said adds the platform's own words to a reason.
func (p Platform) said(why reason.Reason, f fault) reason.Reason {
	text := f.text()
	if text == "" {
		return why
	}
	return reason.Join(why, reason.New("market_said", "said", text))
}

// byStatus is what HTTP itself says, for errors that are not documented.
func (p Platform) byStatus(a Answer, f fault) Meaning {
	class, why := OurFault, "market_request_invalid"
	switch s := a.Status; {
	case s == http.StatusTooManyRequests:
		class, why = Throttled, "market_quota_used"
	case s == http.StatusUnauthorized || f.credential:
		class, why = CredentialBad, "market_credential_refused"
	case s == http.StatusForbidden:
		class, why = Permission, "market_credential_not_allowed"
	case s == http.StatusGone:
		class, why = Deprecated, "market_gone"
	case s == http.StatusServiceUnavailable:
		class, why = TheirFault, "market_unavailable"
	case s >= 500:
		class, why = TheirFault, "market_internal_error"
	case s == http.StatusRequestTimeout:
		class, why = TheirFault, "market_request_timeout"
	case s >= 400:
	case s >= 300 && s != http.StatusNotModified:
		class, why = OurFault, "market_moved"
	case f.unreadable:
		class, why = TheirFault, "market_unreadable"
	case f.is() && f.theirs:
		class, why = TheirFault, "market_internal_error"
	case f.is():
		why = "market_unknown_code"
	default:
		return Meaning{Class: OK, Why: reason.New("market_ok")}
	}
	return Meaning{Class: class, Why: p.said(reason.New(why, "platform", p.Title, "status", a.Status), f)}
}

// text is what the platform said, on one line and not too long.
func (f fault) text() string {
	text := f.message
	switch {
	case text == "":
		text = f.code
	case f.code != "":
		text = f.code + ": " + text
	}
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "�")
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
