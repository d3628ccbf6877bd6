package probes

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// TLSSettings configure a check of kind tls: the certificates and the protocol of a server
// that need not speak HTTP.
//
//	what happened                                        | health
//	trusted, valid for long enough, protocol new enough  | Up
//	untrusted, expired, wrong name, expires too soon     | Down
//	protocol under min_version                           | Down
//	stapled OCSP says revoked, or is not valid           | Down
//	refused, no answer in time, STARTTLS refused         | Down
//	what the fault table says of this machine            | Unknown
type TLSSettings struct {
	Target     `yaml:",inline"`
	TLS        `yaml:",inline"`
	MinVersion string `yaml:"min_version" doc:"Minimum TLS version; an older one is Down: 1.0, 1.1, 1.2 or 1.3."`
	StartTLS   string `yaml:"starttls" doc:"STARTTLS protocol: smtp, imap or pop3."`
	OCSP       string `yaml:"ocsp" doc:"Stapled OCSP response: checked if there is one, required (Down without one), or ignored."`
}

// Validate joins every mistake.
func (s *TLSSettings) Validate() error {
	errs := []error{s.Target.validate(), s.TLS.validate("")}
	if _, err := tlsVersion(s.MinVersion); err != nil {
		errs = append(errs, err)
	}
	switch s.StartTLS {
	case "", "smtp", "imap", "pop3":
	default:
		errs = append(errs, fmt.Errorf("starttls %q is not one of smtp, imap, pop3", s.StartTLS))
	}
	switch s.OCSP {
	case "checked", "required", "ignored":
	default:
		errs = append(errs, fmt.Errorf("ocsp %q is not one of checked, required, ignored", s.OCSP))
	}
	return errors.Join(errs...)
}

func tlsVersion(text string) (uint16, error) {
	switch text {
	case "1.0":
		return tls.VersionTLS10, nil
	case "1.1":
		return tls.VersionTLS11, nil
	case "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	default:
		return 0, fmt.Errorf("min_version %q is not one of 1.0, 1.1, 1.2, 1.3", text)
	}
}

func tlsKind() Kind {
	return Kind{
		Settings: func() any {
			return &TLSSettings{Target: Target{AddressFamily: "any"}, MinVersion: "1.2", OCSP: "checked"}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newTLSProbe(settings.(*TLSSettings), env)
		},
		Repeats: always,
		Produces: func(any) []string {
			return []string{"probe_tls_duration_seconds", "probe_ssl_earliest_cert_expiry", "probe_tls_version_info", "probe_tls_cipher_info"}
		},
	}
}

type tlsProbe struct {
	settings *TLSSettings
	env      Env
	masks    masks
	least    uint16
}

func newTLSProbe(s *TLSSettings, env Env) (*tlsProbe, error) {
	env = env.withDefaults()
	least, err := tlsVersion(s.MinVersion)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tlsProbe{settings: s, env: env, masks: newMasks(env), least: least}, nil
}

// Look makes a TLS handshake and disconnects.
func (p *tlsProbe) Look(ctx context.Context) sample.Observation {
	c, f := p.settings.connect(ctx, "tcp", p.env.Now)
	defer c.Close()
	if f == nil && p.settings.StartTLS != "" {
		if err := startTLS(c, p.settings.StartTLS); err != nil {
			f = c.fault(ctx, err, reason.New("doing_starttls"))
		}
	}
	var state tls.ConnectionState
	if f == nil {
		state, f = p.secure(ctx, c)
	}
	values := c.values("probe_tls_duration_seconds")
	if state.HandshakeComplete {
		values = append(values, sample.Value{
			Name: "probe_tls_version_info", Labels: map[string]string{"version": tls.VersionName(state.Version)}, V: 1,
		}, sample.Value{
			Name: "probe_tls_cipher_info", Labels: map[string]string{"cipher": tls.CipherSuiteName(state.CipherSuite)}, V: 1,
		})
	}
	o := observed(f, values)
	o.Detail = strings.Join(describeTLS(state, p.env.Now()), "\n")
	return p.masks.observation(o)
}

func (p *tlsProbe) secure(ctx context.Context, c *connection) (tls.ConnectionState, *fault) {
	config, err := p.settings.named(p.settings.host())
	if err != nil {
		return tls.ConnectionState{}, blind(reason.New("client_settings", "error", err))
	}
	// Accept old versions, to be able to report which one the server speaks.
	config.MinVersion = tls.VersionTLS10
	state, f := c.secure(ctx, config)
	if f != nil {
		return state, f
	}
	now := p.env.Now()
	if state.Version < p.least {
		return state, down(reason.New("tls_version", "got", tls.VersionName(state.Version), "least", p.settings.MinVersion))
	}
	if f := remaining(c.expiry(), p.settings.MinRemaining, now); f != nil {
		return state, f
	}
	if p.settings.OCSP == "ignored" {
		return state, nil
	}
	return state, stapled(state, p.settings.OCSP == "required", now)
}

// stapled judges the OCSP response that came with the certificate (RFC 6960, RFC 6066 §8).
func stapled(state tls.ConnectionState, required bool, now time.Time) *fault {
	if len(state.OCSPResponse) == 0 {
		if required {
			return down(reason.New("tls_ocsp_missing"))
		}
		return nil
	}
	answer, err := ocsp.ParseResponseForCert(state.OCSPResponse, state.PeerCertificates[0], issuerOf(state))
	switch {
	case err != nil:
		return down(reason.New("tls_ocsp_invalid", "error", err))
	case answer.Status == ocsp.Revoked:
		return down(reason.New("tls_revoked", "at", answer.RevokedAt))
	case answer.Status != ocsp.Good:
		return down(reason.New("tls_ocsp_unknown"))
	case !answer.NextUpdate.IsZero() && now.After(answer.NextUpdate):
		return down(reason.New("tls_ocsp_outdated", "since", answer.NextUpdate))
	}
	return nil
}

// greetingLimit is the most bytes that a mail server may send before TLS.
const greetingLimit = 64 << 10

// startTLS asks a mail server for TLS: RFC 3207 (smtp), RFC 3501 §6.2.1 (imap), RFC 2595 §4 (pop3).
func startTLS(rw io.ReadWriter, protocol string) error {
	r := textproto.NewReader(bufio.NewReader(io.LimitReader(rw, greetingLimit)))
	say := func(line string) error {
		_, err := io.WriteString(rw, line+"\r\n")
		return err
	}
	// answer reads lines up to a final one, which must start with good.
	answer := func(good string, final func(string) bool) error {
		for {
			line, err := r.ReadLine()
			if err != nil {
				return err
			}
			if !final(line) {
				continue
			}
			if !strings.HasPrefix(strings.ToUpper(line), good) {
				return &reasonError{reason.New("tls_starttls_refused", "protocol", protocol, "said", shorten(printable(line), 100), "want", good)}
			}
			return nil
		}
	}
	first := func(string) bool { return true }
	steps := map[string][]func() error{
		"smtp": {
			func() error { return answer("220", smtpFinal) },
			func() error { return say("EHLO guardian.invalid") },
			func() error { return answer("250", smtpFinal) },
			func() error { return say("STARTTLS") },
			func() error { return answer("220", smtpFinal) },
		},
		"imap": {
			func() error { return answer("* OK", first) },
			func() error { return say("g1 STARTTLS") },
			func() error {
				return answer("G1 OK", func(l string) bool { return strings.HasPrefix(strings.ToUpper(l), "G1 ") })
			},
		},
		"pop3": {
			func() error { return answer("+OK", first) },
			func() error { return say("STLS") },
			func() error { return answer("+OK", first) },
		},
	}
	for _, step := range steps[protocol] {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// smtpFinal reports whether a line is the last of an answer: "250 …" and not "250-…".
func smtpFinal(line string) bool { return len(line) < 4 || line[3] != '-' }
