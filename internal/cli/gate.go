package cli

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

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
			var gate struct {
				Open    bool `json:"open"`
				Reasons []struct{ Code, Detail string }
			}
			q := url.Values{"service": {service}}
			if environment != "" {
				q.Set("environment", environment)
			}
			raw, err := newClient(server).get(c.Context(), "/api/v1/gate?"+q.Encode(), &gate)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, _ = s.out.Write(raw)
			} else if gate.Open {
				_, _ = fmt.Fprintln(s.out, "open")
			} else {
				for _, r := range gate.Reasons {
					_, _ = fmt.Fprintf(s.out, "closed: %s: %s\n", r.Code, r.Detail)
				}
			}
			if !gate.Open {
				return exit(exitGateClosed, "")
			}
			return nil
		},
	}
	c.Flags().StringVar(&service, "service", "", "the service (required)")
	c.Flags().StringVar(&environment, "environment", "", `the environment (default "production")`)
	serverFlag(c, &server)
	outputFlag(c, &output)
	return c
}
