package chatops

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"guardian/internal/secret"
)

// Action is what a request asks for.
type Action string

// The actions.
const (
	Acknowledge Action = "ack"
	Silence     Action = "silence"
)

// Actions lists the actions in the order of a message's links.
func Actions() []Action { return []Action{Acknowledge, Silence} }

// SilenceFor is how long a silence from a message lasts.
const SilenceFor = 2 * time.Hour

// Request is what somebody asks for from a message.
type Request struct {
	Action   Action
	Delivery string // the ID of the message's delivery, which says what it is about
	Receiver string // where the message was sent
	Expires  time.Time
}

// Errors of Read.
var (
	// ErrForged: the link was changed, cut off, or signed with another key.
	ErrForged = errors.New("the link's signature is not right")
	// ErrOtherAction: the signature is right, and for another action than the address names.
	ErrOtherAction = errors.New("the link is for another action")
)

// Key signs links. The zero value signs nothing and reads none.
type Key struct{ secret []byte }

// NewKey makes a key of a secret text.
func NewKey(secret string) Key { return Key{secret: []byte(secret)} }

// IsSet tells whether there is a key.
func (k Key) IsSet() bool { return len(k.secret) > 0 }

// String keeps the key out of logs.
func (Key) String() string { return "(secret)" }

// GoString keeps the key out of logs.
func (Key) GoString() string { return "(secret)" }

// ID tells keys apart and says nothing of the key itself.
func (k Key) ID() string { return hex.EncodeToString(k.mac("id", "")[:8]) }

// For derives a key for another purpose, such as sessions: what it signs is no link, and whoever
// knows it knows nothing of this one.
func (k Key) For(purpose string) secret.Secret {
	return secret.New(hex.EncodeToString(k.mac("for/"+purpose, "")))
}

// Sign writes a request as the text of a link, which Read reads.
func (k Key) Sign(r Request) string {
	text := strings.Join([]string{
		strconv.FormatInt(r.Expires.Unix(), 36), encode([]byte(r.Delivery)), encode([]byte(r.Receiver)),
	}, ".")
	return text + "." + encode(k.signature(r.Action, text))
}

// Read gives the request of a link to the page of an action. It does not tell whether the request may
// still be made: Decide does.
func (k Key) Read(action Action, text string) (Request, error) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 || !k.IsSet() {
		return Request{}, ErrForged
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(text[i+1:])
	if err != nil {
		return Request{}, ErrForged
	}
	text = text[:i]
	if !hmac.Equal(signature, k.signature(action, text)) {
		for _, other := range Actions() {
			if other != action && hmac.Equal(signature, k.signature(other, text)) {
				return Request{}, ErrOtherAction
			}
		}
		return Request{}, ErrForged
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return Request{}, ErrForged
	}
	expires, err := strconv.ParseInt(parts[0], 36, 64)
	delivery, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	receiver, err3 := base64.RawURLEncoding.DecodeString(parts[2])
	if err := errors.Join(err, err2, err3); err != nil {
		return Request{}, ErrForged
	}
	return Request{Action: action, Delivery: string(delivery), Receiver: string(receiver), Expires: time.Unix(expires, 0).UTC()}, nil
}

// signature is half of an HMAC-SHA256: 128 bits cannot be guessed, and messages are short.
func (k Key) signature(action Action, text string) []byte {
	return k.mac("link/"+string(action), text)[:16]
}

func (k Key) mac(purpose, text string) []byte {
	m := hmac.New(sha256.New, k.secret)
	_, _ = m.Write([]byte(purpose + "\x00" + text))
	return m.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
