package notifiers_test

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CRAM-MD5 is made of it
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"guardian/internal/secret"
	"guardian/notifiers"
)

// mailServer is a real SMTP server that keeps what it accepts.
type mailServer struct {
	addr   string
	caFile string
	auths  []string // offered
	user   string
	secret string
	// mailbox decides about a recipient.
	mailbox func(to string) error
	// stored decides about a whole mail.
	stored func() error

	mu    sync.Mutex
	mails []mailbag
	used  []string // mechanisms of successful logins
	safe  []bool   // whether each mail came over TLS
}

type mailbag struct {
	from string
	to   []string
	data string
}

func (s *mailServer) all() []mailbag {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]mailbag(nil), s.mails...)
}

// startMail starts a server: with STARTTLS, or TLS from the start if implicit is set.
func startMail(t *testing.T, implicit bool, auths ...string) *mailServer {
	t.Helper()
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate of 127.0.0.1
	t.Cleanup(certified.Close)
	s := &mailServer{auths: auths, user: "guardian", secret: "mail-password-4711", caFile: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(s.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &mailSession{server: s, conn: c}, nil
	}))
	server.Domain = "localhost"
	server.TLSConfig = config
	server.ErrorLog = discard{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, config)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

// settings are those of a receiver that can use the server.
func (s *mailServer) settings() *notifiers.EmailSettings {
	return &notifiers.EmailSettings{
		Server: s.addr, Security: "starttls", CAFile: s.caFile, Auth: "auto", Username: s.user, Password: secret.New(s.secret),
		From: "Guardian <guardian@example.com>", To: []string{"oncall@example.com", "李雷 <lilei@example.com>"},
	}
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	in     bool
	bag    mailbag
}

func (m *mailSession) AuthMechanisms() []string { return m.server.auths }

func (m *mailSession) Auth(mech string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != m.server.user || password != m.server.secret {
			return smtp.ErrAuthFailed
		}
		m.in = true
		m.server.mu.Lock()
		defer m.server.mu.Unlock()
		m.server.used = append(m.server.used, mech)
		return nil
	}
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	case "CRAM-MD5":
		return &cramServer{check: func(user, digest string) error {
			mac := hmac.New(md5.New, []byte(m.server.secret))
			mac.Write([]byte(cramChallenge))
			if digest != hex.EncodeToString(mac.Sum(nil)) {
				return smtp.ErrAuthFailed
			}
			return check(user, m.server.secret)
		}}, nil
	default:
		return nil, smtp.ErrAuthUnknownMechanism
	}
}

func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if len(m.server.auths) > 0 && !m.in {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	m.bag = mailbag{from: from}
	return nil
}

func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if m.server.mailbox != nil {
		if err := m.server.mailbox(to); err != nil {
			return err
		}
	}
	m.bag.to = append(m.bag.to, to)
	return nil
}

func (m *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if m.server.stored != nil {
		if err := m.server.stored(); err != nil {
			return err
		}
	}
	m.bag.data = string(b)
	_, safe := m.conn.TLSConnectionState()
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.server.mails = append(m.server.mails, m.bag)
	m.server.safe = append(m.server.safe, safe)
	return nil
}

func (m *mailSession) Reset()        {}
func (m *mailSession) Logout() error { return nil }

// loginServer is the server of LOGIN.
type loginServer struct {
	check func(user, password string) error
	step  int
	user  string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(l.user, string(response))
	}
}

const cramChallenge = "<1896.697170952@postoffice.example.net>"

// cramServer is the server of CRAM-MD5 (RFC 2195).
type cramServer struct {
	check func(user, digest string) error
	asked bool
}

func (c *cramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if !c.asked {
		c.asked = true
		return []byte(cramChallenge), false, nil
	}
	user, digest, ok := strings.Cut(string(response), " ")
	if !ok {
		return nil, true, errors.New("no digest")
	}
	return nil, true, c.check(user, digest)
}
