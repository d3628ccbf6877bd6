package marketplace

import (
	"net/http"
	"strings"
	"time"

	"guardian/internal/reason"
)

// Class is what an answer means for the on-call engineer.
type Class string

// The classes.
const (
	OK                 Class = "ok"
	Throttled          Class = "throttled"           // a quota is used up
	CredentialBad      Class = "credential_bad"      // token or signature is not accepted
	CredentialExpiring Class = "credential_expiring" // it works, but the authorisation ends soon
	Permission         Class = "permission"          // authenticated, but not allowed
	InSandbox          Class = "sandbox"             // a limit of the sandbox, not of production
	Deprecated         Class = "deprecated"          // it will be removed, or was
	TheirFault         Class = "their_fault"
	OurFault           Class = "our_fault"
)

// Classes lists them.
func Classes() []Class {
	return []Class{OK, Throttled, CredentialBad, CredentialExpiring, Permission, InSandbox, Deprecated, TheirFault, OurFault}
}

// Answer is a platform's answer to one request.
type Answer struct {
	Operation    string // the platform's name of what was called; if "", found by method and path, or else the path
	Method, Path string // of the request, if known; the path may include the query
	Status       int    // 100 to 599
	Header       http.Header
	Body         []byte
}

// Meaning is what an answer says.
type Meaning struct {
	Class       Class
	Code        string         // the platform's own code of the error, "" if there is none
	RetryAfter  *time.Duration // if the platform tells it; not negative
	Why         reason.Reason  // what happened, for people
	Quota       []Reading
	Deprecation *Deprecation // if the answer has one
	Expires     *time.Time   // when the authorisation ends, if the answer tells it
}

// fault is the error in an answer's body or headers.
type fault struct {
	code, message string
	theirs        bool // the platform says that the error is on its side
	credential    bool // it is about the credential, whatever the status is
	unreadable    bool // the body cannot be read
}

func (f fault) is() bool { return f.code != "" || f.message != "" }

// tooMany reports whether the body has the status of a throttle for its code: some answers have
// status 200 and their own status in the body.
func (f fault) tooMany() bool { return f.code == "429" }

// single is the faults of a platform that names at most one.
func single(read func(Answer) fault) func(Answer) []fault {
	return func(a Answer) []fault { return []fault{read(a)} }
}

// signatureRefused reports whether an error is about the signature of the request, which is a
// credential: the key is wrong or was not used as the platform wants.
func signatureRefused(message string) bool {
	message = strings.ToLower(message)
	if !strings.Contains(message, "signature") {
		return false
	}
	for _, word := range []string{"fail", "invalid", "incorrect", "mismatch", "not match", "missing", "expired", "wrong", "not valid", "could not be verified"} {
		if strings.Contains(message, word) {
			return true
		}
	}
	return false
}

// known is a documented error. The first that matches one of an answer's faults counts; empty
// fields match everything.
type known struct {
	status   int    // of the answer
	code     string // compared without case
	contains string // in the message, without case
	uncoded  bool   // only for an error without a code: where there is one, it counts and not the words
	class    Class
	why      string // the code of the reason
	// wait returns how long to wait, if code or message tell it; headers take precedence.
	wait func(f fault, a Answer, now time.Time) (time.Duration, bool)
}

func (k known) matches(a Answer, f fault) bool {
	return (k.status == 0 || k.status == a.Status) &&
		(k.code == "" || strings.EqualFold(k.code, f.code)) &&
		(!k.uncoded || f.code == "") &&
		(k.contains == "" || strings.Contains(strings.ToLower(f.message), strings.ToLower(k.contains)))
}

// Read interprets an answer, by status, headers, and the code and message in the body together: on
// most platforms HTTP 200 may be a failure, on some one code stands for a dozen errors, and 503 is
// never a throttle.
func (p Platform) Read(a Answer, now time.Time) Meaning {
	if a.Operation == "" {
		o, _ := p.Operation(a.Method, a.Path)
		path, _, _ := strings.Cut(a.Path, "?")
		a.Operation = orElse(o.Name, path)
	}
	if a.Header == nil {
		a.Header = http.Header{}
	}
	faults := p.faults(a)
	if len(faults) == 0 {
		faults = []fault{{}}
	}
	m, f := p.classify(a, faults, now)
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
			// Even if the end has passed: the answer shows that it still works.
			if ends.Sub(now) <= early {
				m.Class, m.Why = CredentialExpiring, reason.New("market_authorisation_ends", "at", ends)
			}
		}
	}
	return m
}

// classify interprets an answer with one or more faults, and returns the fault that decided. An
// answer may name several errors: the documented one that comes first in the platform's table counts,
// wherever in the answer it is.
func (p Platform) classify(a Answer, faults []fault, now time.Time) (Meaning, fault) {
	for _, k := range p.codes {
		for _, f := range faults {
			if !k.matches(a, f) || (k.code != "" || k.contains != "") && !f.is() {
				continue
			}
			m := Meaning{Class: k.class, Why: p.said(reason.New(k.why, "platform", p.Title), f)}
			if k.wait != nil {
				if d, ok := k.wait(f, a, now); ok {
					m.RetryAfter = &d
				}
			}
			return m, f
		}
	}
	f := faults[0]
	for _, other := range faults {
		if other.credential || other.tooMany() {
			f = other
			break
		}
	}
	if a.Status < 500 && a.Status != http.StatusTooManyRequests && strings.Contains(strings.ToLower(f.message), "sandbox") {
		return Meaning{Class: InSandbox, Why: p.said(reason.New("market_sandbox_cannot"), f)}, f
	}
	return p.byStatus(a, f), f
}

// said adds the platform's own words to a reason.
func (p Platform) said(why reason.Reason, f fault) reason.Reason {
	text := f.text()
	if text == "" {
		return why
	}
	return reason.Join(why, reason.New("market_said", "said", text))
}

// byStatus interprets the HTTP status, for errors that are not documented.
func (p Platform) byStatus(a Answer, f fault) Meaning {
	class, why := OurFault, "market_request_invalid"
	switch s := a.Status; {
	case s == http.StatusTooManyRequests || f.tooMany():
		class, why = Throttled, "market_quota_used"
	case s == http.StatusUnauthorized || f.credential || s == http.StatusForbidden && signatureRefused(f.message):
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

// text is the platform's own text, on one line and shortened.
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
