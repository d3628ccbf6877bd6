package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

// gateAnswer is whether a service may be deployed, as the API says it.
type gateAnswer struct {
	Open    bool `json:"open"`
	Reasons []struct{ Code, Detail string }
}

// askGate asks whether a service may be deployed now, and gives the answer also raw.
func askGate(ctx context.Context, api *client, service, environment string) (g gateAnswer, raw []byte, err error) {
	q := url.Values{"service": {service}}
	if environment != "" {
		q.Set("environment", environment)
	}
	raw, err = api.get(ctx, "/api/v1/gate?"+q.Encode(), &g)
	return g, raw, err
}

// print writes a line, or one for each reason why the gate is closed.
func (g gateAnswer) print(w io.Writer) {
	if g.Open {
		_, _ = fmt.Fprintln(w, "open")
	}
	for _, r := range g.Reasons {
		_, _ = fmt.Fprintf(w, "closed: %s: %s\n", r.Code, r.Detail)
	}
}

func gateCommand(s streams) *cobra.Command {
	var server, output, service, environment string
	c := &cobra.Command{
		Use:     "gate",
		Short:   "Ask whether a service may be deployed now: exit 0 open, 4 closed",
		Example: "  guardian gate --service order-sync && ./deploy.sh",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if service == "" {
				return exit(exitUsage, "--service is required")
			}
			if err := notBlank(c, "environment"); err != nil {
				return err
			}
			gate, raw, err := askGate(c.Context(), newClient(server), service, environment)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, _ = s.out.Write(raw)
			} else {
				gate.print(s.out)
			}
			if !gate.Open {
				return exit(exitGateClosed, "")
			}
			return nil
		},
	}
	c.Flags().StringVar(&service, "service", "", "the service (required)")
	c.Flags().StringVar(&environment, "environment", "", "the environment (default: the service's)")
	serverFlag(c, &server)
	outputFlag(c, &output)
	return c
}
