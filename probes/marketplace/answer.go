package marketplace

import (
	"fmt"
	"net/http"
	"strings"
	"time"
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
	Words       string         // for people
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
	words    string
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
			m.Class, m.Words = Deprecated, "It works, but "+d.words()+"."
		}
	}
	if p.expiry != nil && (m.Class == OK || m.Class == Deprecated) {
		if ends, early, ok := p.expiry(a, now); ok {
			m.Expires = &ends
			// Also when the end is past: the answer itself shows that it works still.
			if ends.Sub(now) <= early {
				m.Class, m.Words = CredentialExpiring, fmt.Sprintf("It works, but the authorisation of the shop ends at %s: renew it before.", ends.UTC().Format(time.RFC3339))
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
		m := Meaning{Class: k.class, Words: k.words}
		if told := f.told(); told != "" {
			m.Words += " It said: " + told
		}
		if k.wait != nil {
			if d, ok := k.wait(f, a, now); ok {
				m.RetryAfter = &d
			}
		}
		return m
	}
	if a.Status < 500 && a.Status != http.StatusTooManyRequests && strings.Contains(strings.ToLower(f.message), "sandbox") {
		return Meaning{Class: InSandbox, Words: "The sandbox does not do this. It said: " + f.told()}
	}
	return p.byStatus(a, f)
}

// byStatus is what HTTP itself says, for errors that nobody documented.
func (p Platform) byStatus(a Answer, f fault) Meaning {
	class, words := OurFault, "The request is not one that "+p.Title+" takes."
	switch s := a.Status; {
	case s == http.StatusTooManyRequests:
		class, words = Throttled, "The quota is used up."
	case s == http.StatusUnauthorized || f.credential:
		class, words = CredentialBad, "The credential is not taken."
	case s == http.StatusForbidden:
		class, words = Permission, "The credential is known, but may not do this."
	case s == http.StatusGone:
		class, words = Deprecated, "What was called was taken away."
	case s == http.StatusServiceUnavailable:
		class, words = TheirFault, p.Title+" has less capacity than it needs; this is no throttle."
	case s >= 500:
		class, words = TheirFault, p.Title+" has an error of its own."
	case s == http.StatusRequestTimeout:
		class, words = TheirFault, p.Title+" gave up waiting for the request."
	case s >= 400:
	case s >= 300 && s != http.StatusNotModified:
		class, words = OurFault, "The address has moved."
	case f.unreadable:
		class, words = TheirFault, fmt.Sprintf("Status %d came with a body that is no answer of %s.", s, p.Title)
	case f.is() && f.theirs:
		class, words = TheirFault, p.Title+" has an error of its own."
	case f.is():
		words = "The request was refused with a code that is not known here."
	default:
		return Meaning{Class: OK, Words: "It works."}
	}
	if told := f.told(); told != "" {
		words += " It said: " + told
	}
	return Meaning{Class: class, Words: words}
}

// told is what the platform said, on one line and not too long.
func (f fault) told() string {
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
