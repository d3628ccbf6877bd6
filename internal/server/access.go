package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Role is what a caller may do; each includes the ones before it.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // reads
	Deployer Role = "deployer" // announces deploys, cancels watches, reports heartbeats and calls, writes samples
	Approver Role = "approver" // starts, answers and aborts runs, silences, acknowledges, overrides shifts
	Admin    Role = "admin"    // reloads
)

// Roles lists the roles, the least first.
func Roles() []Role { return []Role{Viewer, Deployer, Approver, Admin} }

// Includes tells whether who has role r may do what needs the role need.
func (r Role) Includes(need Role) bool {
	have, want := -1, len(Roles())
	for i, known := range Roles() {
		if known == r {
			have = i
		}
		if known == need {
			want = i
		}
	}
	return have >= want
}

// Caller is who calls: a token's name, or "loopback" where there never was a token.
type Caller struct {
	Name string
	Role Role
}

// Tokens knows who may call.
type Tokens interface {
	// Secured tells whether there ever was a token, revoked or not. Without one the app listens on
	// loopback only and everybody there is admin.
	Secured(ctx context.Context) (bool, error)
	// Authenticate gives the owner of the token with this hash (see HashToken), or
	// ErrUnauthenticated for one that is unknown or revoked.
	Authenticate(ctx context.Context, hash string) (Caller, error)
}

// loopbackCaller is the name of who calls where there never was a token.
const loopbackCaller = "loopback"

const (
	sessionCookie = "guardian_session"
	sessionFor    = 12 * time.Hour
)

// access finds out who calls.
type access struct {
	tokens  Tokens
	key     []byte
	now     func() time.Time
	origins *http.CrossOriginProtection
	guesses *guesses
	https   bool
}

// errLogin: a page was requested without a session.
var errLogin = errors.New("log in first")

// caller gives who sent r, or why not. A session is good for pages, and for reading the API.
func (a *access) caller(r *http.Request, page bool) (Caller, error) {
	secured, err := a.tokens.Secured(r.Context())
	if err != nil {
		return Caller{}, fmt.Errorf("ask whether there are tokens: %w", err)
	}
	if !secured {
		return a.loopback(r)
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return a.authenticate(r, HashToken(strings.TrimSpace(token)))
	}
	if !page && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return Caller{}, Refuse(ErrUnauthenticated, "send the header Authorization: Bearer and a token; `guardian token create` makes one")
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		if page {
			return Caller{}, errLogin
		}
		return Caller{}, Refuse(ErrUnauthenticated, "send the header Authorization: Bearer and a token; `guardian token create` makes one")
	}
	if err := a.sameOrigin(r); err != nil {
		return Caller{}, err
	}
	caller, err := a.session(r.Context(), c.Value)
	if errors.Is(err, ErrUnauthenticated) && page {
		return Caller{}, errLogin
	}
	return caller, err
}

// authenticate gives whose token it is. Whoever sends many wrong ones has to wait.
func (a *access) authenticate(r *http.Request, hash string) (Caller, error) {
	from := a.guesses.client(r)
	if !a.guesses.allow(from, hash) {
		return Caller{}, ErrGuesses
	}
	caller, err := a.tokens.Authenticate(r.Context(), hash)
	if err == nil || errors.Is(err, ErrUnauthenticated) {
		a.guesses.tried(from, hash, err == nil)
	}
	return caller, err
}

// loopback lets everybody in who is on this machine and means this server: a page of another
// site that a browser here has open is neither (DNS rebinding, cross-origin requests), and whom a
// proxy on this machine speaks for is not known to be.
func (a *access) loopback(r *http.Request) (Caller, error) {
	if !loopbackName(r.RemoteAddr) {
		return Caller{}, Refuse(ErrForbidden, "no tokens are configured, so that only this machine may call; configure tokens")
	}
	if name := proxied(r.Header); name != "" {
		return Caller{}, Refuse(ErrForbidden, "the request came through a proxy (it has the header %s), and no tokens are configured, so that anybody could be behind it; "+
			"make one with `guardian token create`, and send it as Authorization: Bearer", name)
	}
	if !loopbackName(r.Host) {
		return Caller{}, Refuse(ErrForbidden, "no tokens are configured, so that the address must be localhost or 127.0.0.1, not %q", r.Host)
	}
	if err := a.sameOrigin(r); err != nil {
		return Caller{}, err
	}
	return Caller{Name: loopbackCaller, Role: Admin}, nil
}

// proxied gives the header by which a request says that a proxy sent it on; "": none.
func proxied(h http.Header) string {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return name
		}
	}
	return ""
}

func (a *access) sameOrigin(r *http.Request) error {
	if err := a.origins.Check(r); err != nil {
		return Refuse(ErrForbidden, "the request comes from a page of another site")
	}
	return nil
}

func loopbackName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(host, "]"), "["), ".")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// open makes a session of a token. It holds the token's hash, not the token, and each
// request asks for the hash again, so that a revoked token ends its sessions.
func (a *access) open(r *http.Request, token string) (*http.Cookie, error) {
	hash := HashToken(strings.TrimSpace(token))
	if _, err := a.authenticate(r, hash); err != nil {
		return nil, err
	}
	until := a.now().Add(sessionFor)
	text := hash + "." + strconv.FormatInt(until.Unix(), 10)
	return a.cookie(r, text+"."+a.sign("session", text), int(sessionFor.Seconds())), nil
}

func (a *access) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.https || r.TLS != nil,
	}
}

func (a *access) session(ctx context.Context, value string) (Caller, error) {
	i := strings.LastIndexByte(value, '.')
	if i < 0 || !a.signed("session", value[:i], value[i+1:]) {
		return Caller{}, ErrUnauthenticated
	}
	hash, end, _ := strings.Cut(value[:i], ".")
	until, err := strconv.ParseInt(end, 10, 64)
	if err != nil || a.now().Unix() >= until {
		return Caller{}, ErrUnauthenticated
	}
	return a.tokens.Authenticate(ctx, hash)
}

// formToken gives what a form must carry: only a page of ours, shown in this session, knows it.
func (a *access) formToken(r *http.Request) string {
	session := "loopback"
	if c, err := r.Cookie(sessionCookie); err == nil {
		session = c.Value
	}
	return a.sign("form", session)
}

func (a *access) checkForm(r *http.Request) error {
	if r.Header.Get("Authorization") != "" {
		return nil // no browser adds this by itself
	}
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("csrf")), []byte(a.formToken(r))) != 1 {
		return Refuse(ErrForbidden, "the form is too old: go back, load the page again and repeat")
	}
	return nil
}

func (a *access) sign(purpose, text string) string {
	m := hmac.New(sha256.New, a.key)
	_, _ = m.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (a *access) signed(purpose, text, signature string) bool {
	return subtle.ConstantTimeCompare([]byte(a.sign(purpose, text)), []byte(signature)) == 1
}
