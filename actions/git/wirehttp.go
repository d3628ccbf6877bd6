package git

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// httpServer asks git's services over https, each request on a connection of its own.
type httpServer struct {
	g       *step
	client  *http.Client
	address string
}

func (g *step) newHTTP() (server, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if g.s.CAFile != "" {
		pem, err := os.ReadFile(g.s.CAFile)
		if err != nil {
			return nil, actions.Failure(reason.New("git_ca", "file", g.s.CAFile, "error", bare(err)))
		}
		if trust.RootCAs = x509.NewCertPool(); !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, actions.Failure(reason.New("git_ca", "file", g.s.CAFile, "error", "no certificate in PEM"))
		}
	}
	return &httpServer{
		g: g, address: fmt.Sprintf("https://%s%s", g.host(), g.at.Path),
		client: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
				TLSHandshakeTimeout: 10 * time.Second,
				TLSClientConfig:     trust,
				// A kept connection that the server has closed meanwhile fails after the request was written.
				DisableKeepAlives: true,
			},
			// The token goes nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (s *httpServer) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *httpServer) open(ctx context.Context, service string) (talk, error) {
	t := &httpTalk{s: s, service: service}
	body, err := s.send(ctx, http.MethodGet, "/info/refs?service="+service, nil)
	if err != nil {
		return nil, actions.Failure(reason.New("git_read", "host", s.g.host(), "error", actions.ReasonOf(err)))
	}
	t.bodies = append(t.bodies, body)
	return t, nil
}

// send sends one request. The error is errRefused when the server answered that it will not do it.
func (s *httpServer) send(ctx context.Context, method, path string, content *bytes.Buffer) (io.ReadCloser, error) {
	var body io.Reader
	if content != nil {
		body = content
	}
	r, err := http.NewRequestWithContext(ctx, method, s.address+path, body)
	if err != nil {
		return nil, bare(err)
	}
	r.SetBasicAuth(s.g.s.Username, s.g.s.Token.Reveal())
	r.Header.Set("User-Agent", "git/guardian")
	if content != nil {
		r.Header.Set("Content-Type", "application/x-"+path[1:]+"-request")
		r.Header.Set("Accept", "application/x-"+path[1:]+"-result")
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, bare(err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer func() { _ = answer.Body.Close() }()
	return nil, s.refusal(answer)
}

// refusal words an answer that is not what git's services answer.
func (s *httpServer) refusal(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 2<<10))
	status := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if line := strings.TrimSpace(string(text)); line != "" && !strings.HasPrefix(line, "<") {
		status += ": " + line
	}
	switch code := answer.StatusCode; {
	case code >= 500:
		return errors.New(status) // it may have been done all the same
	case code >= 300 && code < 400:
		to, err := answer.Location()
		if err != nil {
			to = &url.URL{}
		}
		return actions.Failure(reason.New("git_redirect", "status", status, "to", to.Scheme+"://"+to.Host+to.Path), errRefused)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return actions.Failure(reason.New("git_login", "status", status, "user", s.g.s.Username), errRefused)
	default:
		return actions.Failure(reason.Text(status), errRefused)
	}
}

type httpTalk struct {
	s       *httpServer
	service string
	bodies  []io.ReadCloser
}

func (t *httpTalk) refs() io.Reader { return t.bodies[0] }

func (t *httpTalk) ask(ctx context.Context, request *bytes.Buffer) (io.Reader, error) {
	body, err := t.s.send(ctx, http.MethodPost, "/"+t.service, request)
	if err != nil {
		return nil, err
	}
	t.bodies = append(t.bodies, body)
	return body, nil
}

func (t *httpTalk) said() string { return "" }

func (t *httpTalk) Close() error {
	var errs []error
	for _, b := range t.bodies {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// bare takes the address off an error, which the words around it name.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err
}
