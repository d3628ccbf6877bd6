package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
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
	b.WriteString(p.Detail)
	if p.Detail == "" {
		fmt.Fprintf(&b, "the guardian answered %d %s", p.Status, p.Title)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", e.Pointer, e.Detail)
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
	r := c.resty.R().SetContext(ctx).SetHeaders(q.headers)
	if q.body != nil {
		r.SetHeader("Content-Type", "application/json").SetBody(q.body)
	}
	resp, err := r.Execute(q.method, q.path)
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
		return nil, fmt.Errorf("%s did not answer like a guardian: %w", c.server, err)
	}
	return raw, nil
}
