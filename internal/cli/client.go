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

// serverFlag adds --server. The token comes from the environment alone: a flag would stand
// in the list of processes.
func serverFlag(c *cobra.Command, into *string) {
	server := os.Getenv("GUARDIAN_URL")
	if server == "" {
		server = defaultServer
	}
	c.Flags().StringVar(into, "server", server, "the guardian's address, also GUARDIAN_URL; its token is read from GUARDIAN_TOKEN")
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

// problem is an error that the server has explained.
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

// call makes one call and gives the body of its answer. An answer that is an error is a
// *problem.
func (c *client) call(ctx context.Context, method, path string, headers map[string]string, body any) ([]byte, error) {
	r := c.resty.R().SetContext(ctx).SetHeaders(headers)
	if body != nil {
		r.SetHeader("Content-Type", "application/json").SetBody(body)
	}
	resp, err := r.Execute(method, path)
	if err != nil {
		return nil, fmt.Errorf("no answer from %s: %w; name the guardian with --server or GUARDIAN_URL", c.server, err)
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

// get reads an answer into a value.
func (c *client) get(ctx context.Context, path string, into any) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, nil, nil, into)
}

func (c *client) do(ctx context.Context, method, path string, headers map[string]string, body, into any) ([]byte, error) {
	raw, err := c.call(ctx, method, path, headers, body)
	if err != nil {
		return nil, err
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, fmt.Errorf("%s did not answer as a guardian does: %w", c.server, err)
		}
	}
	return raw, nil
}
