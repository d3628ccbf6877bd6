package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"time"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// TCPSettings configure a check of kind tcp: a connection, with or without TLS, and a dialogue over
// it.
//
//	what happened                             | health
//	connected, and every answer was as wanted | Up
//	refused, no answer in time, TLS failed    | Down
//	another answer, or closed before it came  | Down
//	what the fault table says of this machine | Unknown
type TCPSettings struct {
	Target  `yaml:",inline"`
	TLS     *TLS                     `yaml:"tls" doc:"Use TLS, and how the certificate is verified; {} verifies it as usual."`
	Secrets map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for send as {{.Secrets.name}}."`
	Talk    []Talk                   `yaml:"talk" doc:"The dialogue, in order; default: only connect."`
	Charset string                   `yaml:"charset" doc:"Character set of the answers, such as gbk; default: UTF-8, or as recognised."`
}

// Talk is a text to send, and what the answer must match.
type Talk struct {
	Send   string `yaml:"send" doc:"Text to send, including its line end; a template."`
	Expect string `yaml:"expect" doc:"Regular expression that a line of the answer must match, without its line end; lines before it are skipped. Default: do not wait for an answer."`
}

// Validate joins every mistake.
func (s *TCPSettings) Validate() error {
	errs := []error{s.Target.validate()}
	if s.TLS != nil {
		errs = append(errs, s.TLS.validate("tls."))
	}
	if len(s.Talk) > maxTalk {
		errs = append(errs, fmt.Errorf("talk has %d entries, at most %d are allowed", len(s.Talk), maxTalk))
	}
	for i, t := range s.Talk {
		if t.Send == "" && t.Expect == "" {
			errs = append(errs, fmt.Errorf("talk[%d]: give send, expect or both", i))
		}
		if _, err := compileText("send", t.Send); err != nil {
			errs = append(errs, fmt.Errorf("talk[%d].%w", i, err))
		}
		if _, err := regexp.Compile(t.Expect); err != nil {
			errs = append(errs, fmt.Errorf("talk[%d].expect: %w", i, err))
		}
	}
	return errors.Join(append(errs, validCharset(s.Charset))...)
}

const (
	maxTalk   = 20
	talkLimit = 64 << 10 // bytes that are read for one answer
	// talkPause is how long nothing more must come before a line without its end is judged: a prompt
	// has none.
	talkPause = 100 * time.Millisecond
)

func tcpKind() Kind {
	return Kind{
		Settings: func() any { return &TCPSettings{Target: Target{AddressFamily: "any"}} },
		Build: func(settings any, env Env) (Probe, error) {
			return newTCPProbe(settings.(*TCPSettings), env)
		},
		// What is sent may change something at the target.
		Repeats: func(settings any) bool { return len(settings.(*TCPSettings).Talk) == 0 },
		Templates: func(settings any, labels map[string]string) []Template {
			return settings.(*TCPSettings).templates(labels)
		},
		Produces: func(any) []string { return []string{"probe_tcp_duration_seconds", "probe_ssl_earliest_cert_expiry"} },
	}
}

type tcpProbe struct {
	settings *TCPSettings
	env      Env
	masks    masks
	send     []text
	expect   []*regexp.Regexp // nil: nothing is waited for
}

func newTCPProbe(s *TCPSettings, env Env) (*tcpProbe, error) {
	env = env.withDefaults()
	p := &tcpProbe{settings: s, env: env, masks: newMasks(env, secretsOf(s.Secrets, nil)...)}
	for i, t := range s.Talk {
		send, err1 := compileText("send", t.Send)
		expect, err2 := regexp.Compile(t.Expect)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("tcp: talk[%d]: %w", i, p.masks.error(err))
		}
		if t.Expect == "" {
			expect = nil
		}
		p.send, p.expect = append(p.send, send), append(p.expect, expect)
	}
	return p, nil
}

// Look connects, goes through the dialogue and disconnects.
func (p *tcpProbe) Look(ctx context.Context) sample.Observation {
	c, f := p.settings.connect(ctx, "tcp", p.env.Now)
	defer c.Close()
	if f == nil && p.settings.TLS != nil {
		f = p.secure(ctx, c)
	}
	var heard []byte
	talking := p.env.Now()
	if f == nil {
		heard, f = p.talk(ctx, c)
	}
	const name = "probe_tcp_duration_seconds"
	values := append(c.values(name), phaseValue(name, "talk", p.env.Now().Sub(talking)))
	o := observed(f, values)
	if f != nil && len(heard) > 0 {
		// Masked before it is cut: half a secret is still half a secret.
		o.Detail = shorten(p.masks.text(printable(p.text(heard))), detailBody)
	}
	return p.masks.observation(o)
}

func (p *tcpProbe) secure(ctx context.Context, c *connection) *fault {
	config, err := p.settings.TLS.named(p.settings.host())
	if err != nil {
		return blind(reason.New("client_settings", "error", err))
	}
	if _, f := c.secure(ctx, config); f != nil {
		return f
	}
	return remaining(c.expiry(), p.settings.TLS.MinRemaining, p.env.Now())
}

func talkStep(i int) string { return fmt.Sprintf("talk[%d]", i) }

// talk goes through the dialogue and returns the last answer.
func (p *tcpProbe) talk(ctx context.Context, c *connection) (heard []byte, f *fault) {
	data := newTemplateData(p.env, nil, p.settings.Secrets, p.env.Now())
	h := &hearing{conn: c, text: p.text}
	for i, send := range p.send {
		out, err := send.render(data)
		if err != nil {
			return nil, blind(reason.New("setting_unusable", "setting", talkStep(i)+".send", "error", err))
		}
		if _, err := io.WriteString(c, out); err != nil {
			return heard, c.fault(ctx, err, reason.New("doing_send", "step", talkStep(i)))
		}
		if p.expect[i] == nil {
			continue
		}
		var done bool
		heard, done, err = h.answer(ctx, p.expect[i])
		switch {
		case done:
		case err == nil:
			return heard, down(reason.New("tcp_no_match", "step", talkStep(i), "n", len(heard), "pattern", p.expect[i]))
		case len(heard) > 0:
			f := c.fault(ctx, err, reason.New("doing_wait", "step", talkStep(i)))
			return heard, &fault{f.health, reason.New("tcp_mismatch",
				"step", talkStep(i), "heard", shorten(p.masks.text(printable(p.text(heard))), 100), "pattern", p.expect[i], "why", f.reason)}
		default:
			return nil, c.fault(ctx, err, reason.New("doing_wait", "step", talkStep(i)))
		}
	}
	return heard, nil
}

// text is what was heard, in UTF-8.
func (p *tcpProbe) text(heard []byte) string {
	return string(readText(heard, "", p.settings.Charset).body)
}

// hearing takes answers from a connection line by line. What comes after the line that ends an answer
// is kept for the next one: an answer of several lines may come in parts.
type hearing struct {
	conn    net.Conn
	text    func([]byte) string
	rest    []byte // what came and belongs to no answer yet
	patient bool   // the line without an end in rest was judged; only more of it matters now
}

// answer reads until a line matches, the limit is reached or reading fails. A pattern may also match
// several lines together.
func (h *hearing) answer(ctx context.Context, expect *regexp.Regexp) (heard []byte, done bool, err error) {
	for {
		if i := bytes.IndexByte(h.rest, '\n'); i >= 0 {
			line := h.rest[:i+1]
			heard, h.rest = append(heard, line...), h.rest[i+1:]
			if expect.MatchString(h.text(bytes.TrimRight(line, "\r\n"))) {
				return heard, true, nil
			}
			continue
		}
		if len(heard) > 0 && expect.MatchString(h.text(heard)) {
			return heard, true, nil
		}
		room := talkLimit - len(heard) - len(h.rest)
		if room <= 0 {
			return append(heard, h.rest...), false, nil
		}
		more, err := h.read(ctx, room)
		if more {
			continue
		}
		// Nothing more comes, for now or at all: the line without an end is judged as it is.
		all := append(heard, h.rest...)
		if len(h.rest) > 0 && (expect.MatchString(h.text(h.rest)) || expect.MatchString(h.text(all))) {
			h.rest = nil
			return all, true, nil
		}
		if err != nil {
			return all, false, err
		}
	}
}

// read reads what comes next, at most room bytes. After a part of a line it waits only for talkPause,
// once, and then reports that nothing more came.
func (h *hearing) read(ctx context.Context, room int) (more bool, err error) {
	var until time.Time
	brief := len(h.rest) > 0 && !h.patient
	if brief {
		until = time.Now().Add(talkPause)
	}
	if err := h.conn.SetReadDeadline(until); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err // whose end also sets a deadline, which this one may have replaced
	}
	chunk := make([]byte, min(room, 4<<10))
	n, err := h.conn.Read(chunk)
	h.rest = append(h.rest, chunk[:n]...)
	switch {
	case n > 0:
		h.patient = false
		return true, nil
	case brief && errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
		h.patient = true
		return false, nil
	default:
		return false, err
	}
}
