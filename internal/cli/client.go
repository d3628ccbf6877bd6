package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/spf13/cobra"
)

const defaultServer = "http://127.0.0.1:9440"

// serverFlag adds --server. The token comes only from the environment: a flag would show up
// in the process list.
func serverFlag(c *cobra.Command, into *string) {
	server := os.Getenv("GUARDIAN_URL")
	if server == "" {
		server = defaultServer
	}
	c.Flags().StringVar(into, "server", server, "the guardian's address, also read from GUARDIAN_URL; the API token is read from GUARDIAN_TOKEN")
}

// client talks to a guardian's API.
type client struct {
	server string
	resty  *resty.Client
}

func newClient(server string) *client {
	r := resty.New().SetBaseURL(strings.TrimRight(server, "/")).SetTimeout(6*time.Minute).SetHeader("User-Agent", "guardian/"+versionOf())
	if token := strings.TrimSpace(os.Getenv("GUARDIAN_TOKEN")); token != "" {
		r.SetAuthToken(token)
	}
	r.SetDisableWarn(true)
	return &client{server: server, resty: r}
}

// problem is an error that the server explains in its answer (RFC 9457).
type problem struct {
	Status  int    `json:"status"`
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Errors  []struct{ Pointer, Detail string }
	Reasons []struct{ Code, Detail string }
}

func (p *problem) Error() string {
	var b strings.Builder
	switch {
	case len(p.Errors) > 0: // the API's detail points to them
		b.WriteString("the guardian did not take this:")
	case p.Detail == "":
		fmt.Fprintf(&b, "the guardian answered %d %s", p.Status, p.Title)
	default:
		b.WriteString(p.Detail)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", strings.TrimLeft(e.Pointer, "/?"), e.Detail)
	}
	for _, r := range p.Reasons {
		fmt.Fprintf(&b, "\n  %s: %s", r.Code, r.Detail)
	}
	return b.String()
}

// request is one call of the API.
type request struct {
	method, path string
	headers      map[string]string
	body         any // sent as JSON; nil: nothing
}

// call makes a request and returns the body of the answer. An error that the server explains
// is a *problem.
func (c *client) call(ctx context.Context, q request) ([]byte, error) {
	if err := checkAddress(c.server); err != nil {
		return nil, err
	}
	r := c.resty.R().SetContext(ctx).SetHeader("Accept", "application/problem+json, */*").SetHeaders(q.headers)
	if q.body != nil {
		r.SetHeader("Content-Type", "application/json").SetBody(q.body)
	}
	resp, err := r.Execute(q.method, q.path)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // the address is said here
	}
	if err != nil {
		return nil, fmt.Errorf("no answer from %s: %w; set the guardian's address with --server or GUARDIAN_URL", c.server, err)
	}
	if resp.StatusCode() >= http.StatusBadRequest {
		p := &problem{}
		if json.Unmarshal(resp.Body(), p) != nil || (p.Detail == "" && p.Title == "") {
			p = &problem{Detail: strings.TrimSpace(string(resp.Body()))}
		}
		p.Status = resp.StatusCode()
		return nil, p
	}
	return resp.Body(), nil
}

// get reads the answer of a GET into a value.
func (c *client) get(ctx context.Context, path string, into any) ([]byte, error) {
	return c.send(ctx, request{method: http.MethodGet, path: path}, into)
}

// send makes a request and reads the answer, which it also returns raw, into a value.
func (c *client) send(ctx context.Context, q request, into any) ([]byte, error) {
	raw, err := c.call(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return nil, fmt.Errorf("%s did not answer like a guardian, but with %s; set the guardian's address with --server or GUARDIAN_URL", c.server, beginning(raw))
	}
	return raw, nil
}

// beginning shows the beginning of an answer that nobody understands.
func beginning(raw []byte) string {
	const most = 40
	text := []rune(strings.TrimSpace(string(raw)))
	if len(text) == 0 {
		return "nothing"
	}
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "…"
	}
	return strconv.Quote(string(text))
}

// addressError is a guardian's address that is none: asking again does not help.
type addressError struct{ text string }

func (e *addressError) Error() string { return e.text }

// checkAddress says what is wrong with the guardian's address.
func checkAddress(server string) error {
	u, err := url.Parse(server)
	switch {
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return nil
	case server != "" && !strings.Contains(server, "://"):
		return &addressError{fmt.Sprintf("the guardian's address %q begins with neither http:// nor https://: write --server http://%s, or so in GUARDIAN_URL", server, server)}
	default:
		return &addressError{fmt.Sprintf("%q is no address of a guardian: set one such as %s with --server or GUARDIAN_URL", server, defaultServer)}
	}
}

// printAnswer prints an answer of the API: as it is for programs, or as a T prints itself.
func printAnswer[T interface{ print(w io.Writer) }](s streams, output string, answer []byte) error {
	if output == "json" {
		_, err := s.out.Write(answer)
		return err
	}
	var said T
	if err := json.Unmarshal(answer, &said); err != nil {
		return exit(exitUsage, "that was not answered like a guardian, but with %s; set the guardian's address with --server or GUARDIAN_URL", beginning(answer))
	}
	said.print(s.out)
	return nil
}

// remove is the command line and the call of a command that takes one thing back by its ID or name.
type remove struct {
	use, short, example string
	path                string // of the API, without the ID
	// done prints what was done, by the ID and the API's answer.
	done func(id, output string, answer []byte) error
}

// removeCommand makes the command.
func removeCommand(r remove) *cobra.Command {
	var server, output string
	c := &cobra.Command{
		Use: r.use, Short: r.short, Example: r.example, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			raw, err := newClient(server).call(c.Context(), request{method: http.MethodDelete, path: r.path + url.PathEscape(args[0])})
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			return r.done(args[0], output, raw)
		},
	}
	serverFlag(c, &server)
	outputFlag(c, &output)
	return c
}
