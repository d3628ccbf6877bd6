package notifiers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"guardian/internal/secret"
)

// EmailSettings configures mails over an SMTP server.
type EmailSettings struct {
	Server   string        `yaml:"server" doc:"SMTP server with port, such as smtp.example.com:587; usual are 587 with starttls and 465 with tls."`
	Security string        `yaml:"security" enum:"starttls,tls,none" doc:"How the connection is encrypted: starttls (required, never left out), tls from the start, or none."`
	CAFile   string        `yaml:"ca_file" doc:"PEM file with the authorities to trust instead of the system's."`
	Username string        `yaml:"username" doc:"User name for the server; default: no login."`
	Password secret.Secret `yaml:"password" doc:"Password for the server; with many providers an app password or authorisation code (授权码)."`
	Auth     string        `yaml:"auth" enum:"auto,plain,login,cram-md5" doc:"How to log in; auto takes what the server offers."`
	From     string        `yaml:"from" doc:"Sender, such as Guardian <guardian@example.com>."`
	To       []string      `yaml:"to" doc:"Recipients."`
}

// Validate returns all mistakes in the settings.
func (s *EmailSettings) Validate() error {
	var errs []error
	host, port, err := net.SplitHostPort(s.Server)
	switch {
	case s.Server == "":
		errs = append(errs, errors.New("server: is missing"))
	case err != nil || host == "" || port == "":
		errs = append(errs, fmt.Errorf("server: %q is not a host with port, such as smtp.example.com:587", s.Server))
	}
	if s.Username != "" && !s.Password.IsSet() {
		errs = append(errs, errors.New("password: is missing; without username there is no login"))
	}
	if s.Username == "" && s.Password.IsSet() {
		errs = append(errs, errors.New("username: is missing"))
	}
	if s.Security == "none" && s.Username != "" && s.Auth != "cram-md5" && !loopback(host) {
		errs = append(errs, errors.New("security: none would send the password unencrypted: use starttls or tls, or auth cram-md5"))
	}
	if s.From == "" {
		errs = append(errs, errors.New("from: is missing"))
	} else if _, err := mail.ParseAddress(s.From); err != nil {
		errs = append(errs, fmt.Errorf("from: %q is not an address", s.From))
	}
	if len(s.To) == 0 {
		errs = append(errs, errors.New("to: has no recipient"))
	}
	for _, to := range s.To {
		if _, err := mail.ParseAddress(to); err != nil {
			errs = append(errs, fmt.Errorf("to: %q is not an address", to))
		}
	}
	return errors.Join(errs...)
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func emailKind() Kind {
	return Kind{
		Settings: func() any { return &EmailSettings{Security: "starttls", Auth: "auto"} },
		Links:    true,
		Budget:   Budget{Limit: 12, Reserved: 3, Burst: 4, MergeMax: 100},
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*EmailSettings)
			if !ok {
				return nil, fmt.Errorf("email: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("email: %w", err)
			}
			own := *s
			c := &emailChannel{settings: &own, redactor: &secret.Redactor{}, log: env.Log}
			if c.log == nil {
				c.log = slog.New(slog.DiscardHandler)
			}
			for _, r := range []*secret.Redactor{c.redactor, env.Redactor} {
				if r != nil {
					r.Learn(loginSecrets(s)...)
				}
			}
			return c, nil
		},
	}
}

// loginSecrets are the password and the forms in which it is sent.
func loginSecrets(s *EmailSettings) []secret.Secret {
	password := s.Password.Reveal()
	if password == "" {
		return nil
	}
	code := func(text string) secret.Secret { return secret.New(base64.StdEncoding.EncodeToString([]byte(text))) }
	return []secret.Secret{s.Password, code(password), code("\x00" + s.Username + "\x00" + password)}
}

type emailChannel struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *EmailSettings
	redactor *secret.Redactor
	log      *slog.Logger
}

// Send implements Channel: one connection, one mail to all recipients. It is accepted when the
// server takes it for at least one of them; those whom it refuses are logged.
func (c *emailChannel) Send(ctx context.Context, n Notice) error {
	to := c.settings.recipients(n.People)
	message, err := emailMessage(n, c.settings.From, to)
	if err != nil {
		return &Permanent{Err: err}
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return c.explain(ctx, "connect", err)
	}
	defer func() { _ = conn.Close() }()
	// Closing the connection ends whatever waits for the server.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	host, _, _ := net.SplitHostPort(c.settings.Server)
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return c.explain(ctx, "greeting", err)
	}
	if err := c.login(client, host); err != nil {
		return c.explain(ctx, "login", err)
	}
	if err := c.deliver(client, to, message); err != nil {
		return c.explain(ctx, "mail", err)
	}
	_ = client.Quit() // it was accepted, whatever the server says now
	return nil
}

func (c *emailChannel) dial(ctx context.Context) (net.Conn, error) {
	if c.settings.Security != "tls" {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", c.settings.Server)
	}
	config, err := c.tls()
	if err != nil {
		return nil, err
	}
	d := tls.Dialer{Config: config}
	return d.DialContext(ctx, "tcp", c.settings.Server)
}

func (c *emailChannel) tls() (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(c.settings.Server)
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.settings.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(c.settings.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file %s holds no certificate in PEM form", c.settings.CAFile)
	}
	return config, nil
}

// errNoLogin and errNoSTARTTLS are what the server does not offer.
var (
	errNoLogin    = errors.New("the server offers no login that guardian may use")
	errNoSTARTTLS = errors.New("the server offers no STARTTLS")
)

// login greets the server, encrypts the connection and logs in.
func (c *emailChannel) login(client *smtp.Client, host string) error {
	name, err := os.Hostname()
	if err != nil || strings.ContainsAny(name, " \t\r\n") || name == "" {
		name = "localhost"
	}
	if err := client.Hello(name); err != nil {
		return err
	}
	if c.settings.Security == "starttls" {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return errNoSTARTTLS
		}
		config, err := c.tls()
		if err != nil {
			return err
		}
		if err := client.StartTLS(config); err != nil {
			return err
		}
	}
	if c.settings.Username == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	auth := c.auth(strings.Fields(offered), host)
	if auth == nil {
		return errNoLogin
	}
	return client.Auth(auth)
}

// auth chooses how to log in; nil: the server offers nothing that may be used.
func (c *emailChannel) auth(offered []string, host string) smtp.Auth {
	s := c.settings
	safe := s.Security != "none" || loopback(host)
	wants := func(name string) bool {
		if s.Auth != "auto" && !strings.EqualFold(s.Auth, name) {
			return false
		}
		for _, o := range offered {
			if strings.EqualFold(o, name) {
				return true
			}
		}
		return false
	}
	switch {
	case safe && wants("PLAIN"):
		return smtp.PlainAuth("", s.Username, s.Password.Reveal(), host, false)
	case safe && wants("LOGIN"):
		return smtp.LoginAuth(s.Username, s.Password.Reveal(), host, false)
	case wants("CRAM-MD5"):
		return smtp.CRAMMD5Auth(s.Username, s.Password.Reveal())
	default:
		return nil
	}
}

// deliver hands the mail over.
func (c *emailChannel) deliver(client *smtp.Client, recipients []string, message []byte) error {
	client.SkipSMTPUTF8(true) // the addresses are ASCII, the texts encoded
	if err := client.Mail(bracketed(c.settings.From)); err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	accepted := 0
	var refused error
	for _, to := range recipients {
		err := client.Rcpt(bracketed(to))
		var said *textproto.Error
		switch {
		case err == nil:
			accepted++
		case errors.As(err, &said):
			refused = errors.Join(refused, fmt.Errorf("recipient %s: %w", to, err))
		default:
			return err
		}
	}
	if accepted == 0 {
		return refused
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(message); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if refused != nil {
		c.log.Warn("mail was not accepted for all recipients", "error", c.redactor.Redact(oneLine(refused.Error())))
	}
	return nil
}

// recipients returns who gets a mail: the people for whom the notice is, as far as their addresses are
// known, else those of the settings.
func (s *EmailSettings) recipients(people []Contact) []string {
	var to []string
	for _, p := range people {
		if _, err := mail.ParseAddress(p.Mail); err == nil {
			to = append(to, p.Mail)
		}
	}
	if len(to) == 0 {
		return s.To
	}
	return to
}

// bracketed returns the address alone, as SMTP wants it.
func bracketed(address string) string {
	a, err := mail.ParseAddress(address)
	if err != nil { // Validate parsed it
		return "<" + address + ">"
	}
	return "<" + a.Address + ">"
}

// explain turns an error of the dialogue into one of a Channel: replies of 5yz are permanent, all
// else may be over later.
func (c *emailChannel) explain(ctx context.Context, at string, err error) error {
	if ctx.Err() != nil {
		return &Retry{Err: fmt.Errorf("email: %s: no answer: %w", at, ctx.Err())}
	}
	text := Shorten(oneLine(c.redactor.Redact(err.Error())), 300, "…")
	out := fmt.Errorf("email: %s: %s", at, text)
	var said *textproto.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &said):
		return smtpError(at, said.Code, out)
	case errors.As(err, &certificate):
		return &Permanent{Err: out, Hint: "the server's certificate is not trusted: use the name that is in it, or set ca_file"}
	case errors.Is(err, errNoLogin):
		return &Permanent{Err: out, Hint: "set auth to what the server offers, and security to starttls or tls"}
	case errors.Is(err, errNoSTARTTLS):
		return &Permanent{Err: out, Hint: "set security to tls, usually on port 465, or to none in a network that is trusted"}
	case strings.Contains(text, "ca_file"):
		return &Permanent{Err: out}
	default:
		return &Retry{Err: out}
	}
}

func smtpError(at string, code int, err error) error {
	switch {
	case code < 500:
		return &Retry{Err: err}
	case code == 530:
		return &Permanent{Err: err, Hint: "the server wants a login: set username and password"}
	case at == "login":
		return &Permanent{Err: err, Hint: "check username and password; many providers want an app password or authorisation code (授权码) in place of the account's"}
	case code == 552:
		return &Permanent{Err: err, Hint: "the mailbox is full or the mail too long"}
	default:
		return &Permanent{Err: err, Hint: "check from and to, and whether this login may send as that sender"}
	}
}
