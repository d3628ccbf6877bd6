package notifiers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"guardian/internal/secret"
	"guardian/notifiers"
)

// letter is a mail as a reader sees it.
type letter struct {
	header     mail.Header
	subject    string
	plain, web string
}

func read(t *testing.T, data string) letter {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	out := letter{header: m.Header}
	if out.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q: %v", kind, err)
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = p
		if p.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			r = quotedprintable.NewReader(p)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			out.web = text
		} else {
			out.plain = text
		}
	}
}

func TestAMailHasBothFormsAndFollowsItsThread(t *testing.T) {
	s := startMail(t, false, "PLAIN")
	c := build(t, "email", s.settings(), notifiers.Env{})
	n := outage()
	n.Text = "自 10:00 起\n<b>仍</b>在失败 & more"
	n.Created = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	resolved := n
	resolved.ID, resolved.Tone, resolved.Title, resolved.Lang = "n_2", notifiers.Good, "Resolved: order pushes fail", "en"
	other := n
	other.ID, other.Key = "n_3", "alert/2"
	for _, n := range []notifiers.Notice{n, n, resolved, other} {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	got := s.all()
	if got[0].from != "guardian@example.com" || !slices.Equal(got[0].to, []string{"oncall@example.com", "lilei@example.com"}) {
		t.Errorf("from %s to %q", got[0].from, got[0].to)
	}
	first, again, follows, else_ := read(t, got[0].data), read(t, got[1].data), read(t, got[2].data), read(t, got[3].data)
	if first.subject != "🔴 推单失败" || follows.subject != "🟢 Resolved: order pushes fail" {
		t.Errorf("subjects %q and %q", first.subject, follows.subject)
	}
	for _, want := range []string{"自 10:00 起\n<b>仍</b>在失败 & more", "当前值：0.8", "1. 看一看", "详情：https://guardian.example.com/watches/w_1"} {
		if !strings.Contains(first.plain, want) {
			t.Errorf("the plain text lacks %q:\n%s", want, first.plain)
		}
	}
	for _, want := range []string{`lang="zh"`, "&lt;b&gt;仍&lt;/b&gt;在失败 &amp; more", "<th", "0.8", "<li>看一看</li>", `<a href="https://guardian.example.com/watches/w_1"`, "#d83931"} {
		if !strings.Contains(first.web, want) {
			t.Errorf("the page lacks %q:\n%s", want, first.web)
		}
	}
	if !strings.Contains(follows.plain, "What you can do") || !strings.Contains(follows.web, `lang="en"`) {
		t.Errorf("an English notice is not English:\n%s", follows.plain)
	}
	id := func(l letter) string { return l.header.Get("Message-Id") }
	if id(first) == "" || id(first) != id(again) || id(first) == id(follows) || got[0].data != got[1].data {
		t.Errorf("the same notice must be the same mail, another notice another one: %s, %s, %s\n%s", id(first), id(again), id(follows), cmp.Diff(got[0].data, got[1].data))
	}
	thread := func(l letter) string { return l.header.Get("References") + l.header.Get("In-Reply-To") }
	if thread(first) == "" || thread(first) != thread(follows) || thread(first) == thread(else_) {
		t.Errorf("threads: %q, %q, %q; want those of one key to be one", thread(first), thread(follows), thread(else_))
	}
	if first.header.Get("Importance") != "high" || follows.header.Get("Importance") != "" || first.header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("headers %v", first.header)
	}
}

// A notice for the person on call goes to that person.
func TestAMailGoesToThePeopleForWhomItIs(t *testing.T) {
	s := startMail(t, false, "PLAIN")
	c := build(t, "email", s.settings(), notifiers.Env{})
	n := outage()
	for _, people := range [][]notifiers.Contact{{{Name: "Wei", Mail: "wei@example.com"}, {Name: "Li"}}, {{Name: "Li"}}} {
		n.People = people
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	got := s.all()
	if !slices.Equal(got[0].to, []string{"wei@example.com"}) || read(t, got[0].data).header.Get("To") != "<wei@example.com>" {
		t.Errorf("sent to %q, want Wei alone", got[0].to)
	}
	if len(got[1].to) != 2 {
		t.Errorf("sent to %q, want those of the settings: Li's address is not known", got[1].to)
	}
}

func TestAMailIsEncryptedAndLogsIn(t *testing.T) {
	for _, c := range []struct {
		implicit bool
		offered  []string
		auth     string
		want     string
	}{
		{false, []string{"PLAIN"}, "auto", "PLAIN"},
		{false, []string{"LOGIN", "PLAIN"}, "auto", "PLAIN"},
		{false, []string{"LOGIN", "PLAIN"}, "login", "LOGIN"},
		{false, []string{"LOGIN"}, "auto", "LOGIN"},
		{false, []string{"PLAIN", "CRAM-MD5"}, "cram-md5", "CRAM-MD5"},
		{false, []string{"CRAM-MD5"}, "auto", "CRAM-MD5"},
		{true, []string{"PLAIN"}, "plain", "PLAIN"},
		{true, []string{"LOGIN"}, "auto", "LOGIN"},
		{true, []string{"CRAM-MD5"}, "auto", "CRAM-MD5"},
		{true, nil, "auto", ""},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			s := startMail(t, c.implicit, c.offered...)
			settings := s.settings()
			settings.Auth = c.auth
			if c.implicit {
				settings.Security = "tls"
			}
			if c.offered == nil {
				settings.Username, settings.Password = "", secret.Secret{}
			}
			if err := build(t, "email", settings, notifiers.Env{}).Send(t.Context(), outage()); err != nil {
				t.Fatal(err)
			}
			if len(s.all()) != 1 || strings.Join(s.used, " ") != c.want || !s.safe[0] {
				t.Errorf("%d mails, login by %q, encrypted %v; want one, %q, true", len(s.all()), s.used, s.safe, c.want)
			}
		})
	}
}

func TestMailErrorsSayWhatToDo(t *testing.T) {
	reply := func(code int, text string) func(string) error {
		return func(string) error {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
		}
	}
	for name, c := range map[string]struct {
		implicit bool
		offered  []string
		server   func(*mailServer)
		change   func(*notifiers.EmailSettings)
		retry    bool
		want     string
	}{
		"a wrong password": {offered: []string{"PLAIN"}, change: func(s *notifiers.EmailSettings) { s.Password = secret.New("wrong-password-4711") }, want: "check username and password"},
		"no login where one is needed": {offered: []string{"PLAIN"}, change: func(s *notifiers.EmailSettings) {
			s.Username, s.Password = "", secret.Secret{}
		}, want: "set username and password"},
		"a login that is not offered":        {offered: []string{"PLAIN"}, change: func(s *notifiers.EmailSettings) { s.Auth = "cram-md5" }, want: "set auth to what the server offers"},
		"a certificate that is not trusted":  {offered: []string{"PLAIN"}, change: func(s *notifiers.EmailSettings) { s.CAFile = "" }, want: "set ca_file"},
		"a CA file that is not there":        {offered: []string{"PLAIN"}, change: func(s *notifiers.EmailSettings) { s.CAFile = "/nowhere.pem" }, want: "read ca_file"},
		"every recipient is refused":         {offered: []string{"PLAIN"}, server: func(s *mailServer) { s.mailbox = reply(550, "no such user") }, want: "check from and to"},
		"every recipient is refused for now": {offered: []string{"PLAIN"}, server: func(s *mailServer) { s.mailbox = reply(450, "greylisted") }, retry: true, want: "greylisted"},
		"the mail is refused": {offered: []string{"PLAIN"}, server: func(s *mailServer) {
			s.stored = func() error { return &smtp.SMTPError{Code: 554, Message: "looks like spam"} }
		}, want: "looks like spam"},
		"the disk is full": {offered: []string{"PLAIN"}, server: func(s *mailServer) {
			s.stored = func() error { return &smtp.SMTPError{Code: 452, Message: "insufficient storage"} }
		}, retry: true, want: "insufficient storage"},
		"no such host":                         {change: func(s *notifiers.EmailSettings) { s.Server = "no-such-host.invalid:25" }, retry: true, want: "connect"},
		"TLS from the start at a port without": {offered: []string{"PLAIN"}, change: func(s *notifiers.EmailSettings) { s.Security = "tls" }, retry: true, want: "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startMail(t, c.implicit, c.offered...)
			if c.server != nil {
				c.server(s)
			}
			settings := s.settings()
			if c.change != nil {
				c.change(settings)
			}
			err := build(t, "email", settings, notifiers.Env{}).Send(t.Context(), outage())
			var retry *notifiers.Retry
			var permanent *notifiers.Permanent
			if errors.As(err, &retry) != c.retry || errors.As(err, &permanent) == c.retry || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %T %v, want one that says %q, retry %v", err, err, c.want, c.retry)
			}
			if len(s.all()) != 0 {
				t.Error("a mail arrived")
			}
			if err != nil && (strings.Contains(err.Error(), "4711") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%q shows the password or has several lines", err)
			}
		})
	}
}

// Who left the company must not keep the mail from the others.
func TestARefusedRecipientDoesNotKeepTheMailFromOthers(t *testing.T) {
	s := startMail(t, false, "PLAIN")
	s.mailbox = func(to string) error {
		if strings.HasPrefix(to, "oncall") {
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		}
		return nil
	}
	var log bytes.Buffer
	c := build(t, "email", s.settings(), notifiers.Env{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := c.Send(t.Context(), outage()); err != nil {
		t.Fatal(err)
	}
	if got := s.all(); len(got) != 1 || !slices.Equal(got[0].to, []string{"lilei@example.com"}) || !strings.Contains(log.String(), "oncall@example.com") {
		t.Errorf("got %+v and the log %q", got, log.String())
	}
}

// A server that offers no STARTTLS gets neither the password nor the mail.
func TestAMailIsNotSentUnencrypted(t *testing.T) {
	answers := scripted(t, "220 hello\r\n", map[string]string{"EHLO": "250-hello\r\n250 AUTH PLAIN\r\n"})
	c := build(t, "email", mailTo(answers.addr), notifiers.Env{})
	var permanent *notifiers.Permanent
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.Send(ctx, outage()); !errors.As(err, &permanent) || !strings.Contains(err.Error(), "no STARTTLS") {
		t.Errorf("got %T %v, want a permanent error about STARTTLS", err, err)
	}
	if strings.Contains(answers.heard(), "AUTH") || strings.Contains(answers.heard(), "MAIL") {
		t.Errorf("it said %q", answers.heard())
	}
}

// What a server quotes of the login is redacted.
func TestMailErrorsShowNoPassword(t *testing.T) {
	const encoded = "AGd1YXJkaWFuAG1haWwtcGFzc3dvcmQtNDcxMQ==" // \0guardian\0mail-password-4711
	s := scripted(t, "220 hello\r\n", map[string]string{
		"EHLO": "250-hello\r\n250 AUTH PLAIN\r\n", "AUTH": "535 cannot decode " + encoded + " or mail-password-4711\r\n", "*": "501 aborted\r\n", "QUIT": "221 bye\r\n",
	})
	settings := mailTo(s.addr)
	settings.Security = "none"
	redactor := &secret.Redactor{}
	c := build(t, "email", settings, notifiers.Env{Redactor: redactor})
	err := c.Send(t.Context(), outage())
	if err == nil || strings.Contains(err.Error(), "4711") || strings.Contains(err.Error(), encoded) || !strings.Contains(err.Error(), secret.Mask) {
		t.Errorf("got %v, want an error without the password", err)
	}
	if !strings.Contains(s.heard(), encoded) {
		t.Errorf("the password was not sent: this test proves nothing: %q", s.heard())
	}
	if got := redactor.Redact("x " + encoded); strings.Contains(got, encoded) {
		t.Errorf("the redactor leaves %q", got)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "4711") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func TestASilentOrLostMailServerIsARetry(t *testing.T) {
	for name, s := range map[string]*script{
		"no greeting":               scripted(t, "", nil),
		"silent after the mail":     scripted(t, "220 hello\r\n", map[string]string{"EHLO": "250 hello\r\n", "MAIL": "250 ok\r\n", "RCPT": "250 ok\r\n", "DATA": "354 go on\r\n"}),
		"it hangs up in the middle": scripted(t, "220 hello\r\n", map[string]string{"EHLO": "250 hello\r\n", "MAIL": ""}),
		"no server at all":          {addr: "127.0.0.1:1"},
	} {
		settings := mailTo(s.addr)
		settings.Security, settings.Username, settings.Password = "none", "", secret.Secret{}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		began := time.Now()
		err := build(t, "email", settings, notifiers.Env{}).Send(ctx, outage())
		cancel()
		var retry *notifiers.Retry
		if !errors.As(err, &retry) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: got %T %v after %s, want a retry", name, err, err, time.Since(began))
		}
	}
}

func TestLongAndStrangeNoticesAreMails(t *testing.T) {
	s := startMail(t, false, "PLAIN")
	c := build(t, "email", s.settings(), notifiers.Env{})
	for _, text := range []string{
		strings.Repeat("订单推送失败。\n", 20000), strings.Repeat(`"<&>\`, 50000), strings.Repeat("\xff\xfe好", 30000),
		".\r\nQUIT\r\n.\r\n", "a\r\nBcc: everybody@example.com\r\n\r\nb", "",
	} {
		n := outage()
		n.Title, n.Text, n.Key = text, text, text
		n.Facts = append(n.Facts, notifiers.Fact{Name: text, Value: text})
		if err := c.Send(t.Context(), n); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
		got := s.all()
		l := read(t, got[len(got)-1].data)
		if l.header.Get("Bcc") != "" || len(l.header["To"]) != 1 || l.subject == "" || l.plain == "" || l.web == "" {
			t.Errorf("%.20q: headers %v, subject %q", text, l.header, l.subject)
		}
		if size := len(got[len(got)-1].data); size > 200<<10 {
			t.Errorf("%.20q: the mail has %d bytes", text, size)
		}
	}
}

func mailTo(addr string) *notifiers.EmailSettings {
	return &notifiers.EmailSettings{
		Server: addr, Security: "starttls", Auth: "auto", Username: "guardian", Password: secret.New("mail-password-4711"),
		From: "guardian@example.com", To: []string{"oncall@example.com"},
	}
}

// script is a server that answers commands with given lines, and is silent where it has none. An
// empty answer hangs up.
type script struct {
	addr string
	said chan string
	all  string
}

func scripted(t *testing.T, greeting string, answers map[string]string) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{addr: l.Addr().String(), said: make(chan string, 1000)}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, greeting)
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			line := string(buffer[:n])
			s.said <- line
			word := strings.ToUpper(strings.Fields(line + " x")[0])
			if answer, ok := answers[word]; ok {
				if answer == "" {
					return
				}
				_, _ = io.WriteString(conn, answer)
			}
		}
	}()
	return s
}

// heard is what was said to the server so far.
func (s *script) heard() string {
	for {
		select {
		case line := <-s.said:
			s.all += line
		default:
			return s.all
		}
	}
}
