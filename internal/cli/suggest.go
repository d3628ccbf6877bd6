package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"guardian/internal/replay"
	"guardian/probes"
)

func suggestCommand(s streams) *cobra.Command {
	var file, data, from, to, service, output string
	c := &cobra.Command{
		Use:   "suggest",
		Short: "Propose how to watch a service's deploys, from what its checks saw, and what that costs",
		Long: `Looks at how often the checks of a service failed, in what bursts and how many looks there
were, simulates the judge on that, and proposes how long to watch, how often to look and how
much worse to tolerate. It says how long an outage, 20 % and 5 % failures then take to be found.`,
		Example: "  guardian watch suggest --service order-sync --from 14d",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if service == "" {
				return exit(exitUsage, "name the service: --service S")
			}
			var r recorded
			if err := r.open(c, file, data, from, to); err != nil {
				return err
			}
			const seed = 1 // the same history gives the same proposal
			found, err := replay.Suggest(c.Context(), replay.Options{
				Config: r.config, Kinds: probes.Builtin(), Samples: r.samples, From: r.from, To: r.to,
			}, service, seed)
			if err = errors.Join(err, r.close()); err != nil {
				return exit(exitUsage, "%s", r.redactor.Redact(err.Error()))
			}
			if output == "json" {
				return printJSON(s.out, found)
			}
			return found.Text(s.out)
		},
	}
	recordedFlags(c, &file, &data, &from, &to)
	c.Flags().StringVar(&service, "service", "", "the service")
	if err := c.Flags().Set("from", "14d"); err == nil {
		c.Flags().Lookup("from").DefValue = "14d"
	}
	outputFlag(c, &output)
	return c
}
