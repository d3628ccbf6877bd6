package cli

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/server"
)

func scoreCommand(s streams) *cobra.Command {
	var address, service, output string
	var days int
	c := &cobra.Command{
		Use:   "score",
		Short: "Say how far the guardian's verdicts can be trusted, by what people said about them",
		Long: `Adds up the verdicts by service and policy: how many deploys failed and would have been
rolled back, how many of these verdicts people agreed with, and the estimated chance that a
healthy deploy fails, with its exact 95 % interval. Verdicts are marked on the page of a watch.`,
		Example: "  guardian score --service order-sync --days 30",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			q := url.Values{"since": {time.Now().AddDate(0, 0, -days).UTC().Format(time.RFC3339)}}
			if service != "" {
				q.Set("service", service)
			}
			var answer struct {
				Since  time.Time      `json:"since"`
				Scores []server.Score `json:"scores"`
			}
			raw, err := newClient(address).get(c.Context(), "/api/v1/score?"+q.Encode(), &answer)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			if len(answer.Scores) == 0 {
				_, err = fmt.Fprintf(s.out, "no deploy was judged since %s\n", answer.Since.Format(time.DateOnly))
				return err
			}
			for _, x := range answer.Scores {
				_, _ = fmt.Fprintf(s.out, "%s (%s, %s, %.4g%%): %d judged, %d failed, %d of them to be rolled back\n",
					x.Service, x.Mode, x.For, x.Alpha*100, x.Judged, x.Failed, x.RolledBack)
				_, _ = fmt.Fprintf(s.out, "  agreed %d (%d late), wrong %d, not marked %d, missed %d\n", x.Agreed, x.Late, x.Wrong, x.Unmarked, x.Missed)
				for _, c := range x.Causes {
					what := ""
					if c.Rule {
						what = "the rule "
					}
					_, _ = fmt.Fprintf(s.out, "  by %s%s: %d failed, agreed %d (%d late), wrong %d, not marked %d\n", what, c.Cause, c.Failed, c.Agreed, c.Late, c.Wrong, c.Unmarked)
				}
				if e := x.FalseRate; e != nil {
					_, _ = fmt.Fprintf(s.out, "  false rollbacks: %.2g%% of healthy deploys, between %.2g%% and %.2g%%\n", e.Estimate*100, e.Low*100, e.High*100)
				}
			}
			return nil
		},
	}
	serverFlag(c, &address)
	c.Flags().StringVar(&service, "service", "", "one service; left out: all")
	c.Flags().IntVar(&days, "days", 90, "how far back")
	outputFlag(c, &output)
	return c
}
