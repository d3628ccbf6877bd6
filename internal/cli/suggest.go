package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"guardian/internal/replay"
	"guardian/probes"
)

func suggestCommand(s streams) *cobra.Command {
	var flags recordedFlags
	var service, output string
	c := &cobra.Command{
		Use:   "suggest",
		Short: "Propose watch settings for a service, from the history of its checks",
		Long: `Takes from the history of a service's checks and counters how often they failed, how failures
cluster and how many looks there were, simulates the judge on that, and proposes how long to
watch, how often to look and how much worse than before to tolerate. For an outage, 20 % and
5 % failures it prints how long each then takes to be detected; a watch that would have failed
without the fault is not counted. Periods in which a bad version was in place are left out, as
watches leave them out.`,
		Example: "  guardian watch suggest --service order-sync --from 14d",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if service == "" {
				return exit(exitUsage, "--service is required")
			}
			r, err := flags.open(c.Context())
			if err != nil {
				return err
			}
			const seed = 1 // the same history gives the same proposal
			found, err := replay.Suggest(c.Context(), replay.Options{
				Config: r.config, Kinds: probes.Builtin(), Samples: r.samples, Journal: r.journal,
				From: r.from, To: r.to, Progress: progress(s.err),
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
	flags.add(c)
	c.Flags().StringVar(&service, "service", "", "the service (required)")
	if err := c.Flags().Set("from", "14d"); err == nil {
		c.Flags().Lookup("from").DefValue = "14d"
	}
	outputFlag(c, &output)
	return c
}
