package cli

import (
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"guardian/watch"
)

func scoreCommand(s streams) *cobra.Command {
	var address, service, output string
	var days int
	c := &cobra.Command{
		Use:   "score",
		Short: "Show how accurate verdicts were, from people's feedback",
		Long: `Counts verdicts by service and policy: how many deploys failed and were or would have been
rolled back, how many of these verdicts people confirmed, and the estimated false-alarm rate
with its exact 95 % confidence interval. People give feedback on the page of a watch.`,
		Example: "  guardian score --service order-sync --days 30",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if err := notBlank(c, "service"); err != nil {
				return err
			}
			if days < 1 || days > mostScored {
				return exit(exitUsage, "--days must be between 1 and %d", mostScored)
			}
			q := url.Values{"since": {time.Now().AddDate(0, 0, -days).UTC().Format(time.RFC3339)}}
			if service != "" {
				q.Set("service", service)
			}
			var answer struct {
				Since  time.Time     `json:"since"`
				Scores []watch.Score `json:"scores"`
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
				printScore(s.out, x)
			}
			return nil
		},
	}
	serverFlag(c, &address)
	c.Flags().StringVar(&service, "service", "", "one service (default: all)")
	c.Flags().IntVar(&days, "days", 90, "how many days back")
	outputFlag(c, &output)
	return c
}

// mostScored is how many days back the score may go.
const mostScored = 3650

func printScore(w io.Writer, x watch.Score) {
	_, _ = fmt.Fprintf(w, "%s (%s, %s, false-alarm risk %.4g %%): %d judged, %d failed, %d of them with a rollback\n",
		x.Service, x.Mode, x.For, x.Alpha*100, x.Judged, x.Failed, x.RolledBack)
	_, _ = fmt.Fprintf(w, "  feedback: right %d (%d of them late), wrong %d, none %d; bad deploys missed %d\n", x.Agreed, x.Late, x.Wrong, x.Unmarked, x.Missed)
	for _, c := range x.Causes {
		what := "" // a check or a counter
		if c.Rule {
			what = "rule "
		}
		_, _ = fmt.Fprintf(w, "  by %s%s: %d failed, right %d (%d of them late), wrong %d, no feedback %d\n", what, c.Cause, c.Failed, c.Agreed, c.Late, c.Wrong, c.Unmarked)
	}
	if e := x.FalseRate; e != nil {
		_, _ = fmt.Fprintf(w, "  false alarms: %.2g %% of healthy deploys, 95 %% confidence interval %.2g %% to %.2g %%\n", e.Estimate*100, e.Low*100, e.High*100)
	}
}
