package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/reason"
)

// drillAnswer is a drill in the API.
type drillAnswer struct {
	ID         string        `json:"id"`
	Drill      string        `json:"drill"`
	Service    string        `json:"service"`
	Started    time.Time     `json:"started"`
	Ended      time.Time     `json:"ended"`
	Phase      string        `json:"phase"`
	Result     string        `json:"result"`
	Reason     reason.Reason `json:"reason"`
	LeftBroken bool          `json:"left_broken"`
	Stages     []struct {
		Stage   string    `json:"stage"`
		At      time.Time `json:"at"`
		Seconds float64   `json:"seconds"`
	} `json:"stages"`
	Took      float64 `json:"took_seconds"`
	Reaction  float64 `json:"reaction_seconds"`
	Cure      float64 `json:"cure_seconds"`
	Objective float64 `json:"objective_seconds"`
}

func (d drillAnswer) standing() string {
	if d.Result != "" {
		return d.Result
	}
	return d.Phase
}

func inSeconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}

func (d drillAnswer) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%s: %s of %s, %s: %s", d.ID, d.Drill, d.Service, shownTime(d.Started), d.standing())
	if d.Took > 0 {
		_, _ = fmt.Fprintf(w, ", cured after %s", inSeconds(d.Took))
	}
	_, _ = fmt.Fprintln(w)
}

// printWhole prints a drill with its stages.
func (d drillAnswer) printWhole(w io.Writer) {
	d.print(w)
	for i, s := range d.Stages {
		after := ""
		if i > 0 {
			after = "+" + inSeconds(s.Seconds).String()
		}
		_, _ = fmt.Fprintf(w, "  %-11s %s  %s\n", s.Stage, s.At.UTC().Format("15:04:05.000"), after)
	}
	if d.Took > 0 {
		_, _ = fmt.Fprintf(w, "verdict to first step: %s, verdict to cured: %s, fault to cured: %s (objective: %s)\n",
			inSeconds(d.Reaction), inSeconds(d.Cure), inSeconds(d.Took), inSeconds(d.Objective))
	}
	if !d.Reason.IsZero() {
		_, _ = fmt.Fprintln(w, d.Reason)
	}
	if d.LeftBroken {
		_, _ = fmt.Fprintf(w, "%s is still broken: take the fault back by hand\n", d.Service)
	}
}

func drillCommand(s streams) *cobra.Command {
	var address, output string
	var wait bool
	c := &cobra.Command{
		Use:   "drill DRILL|SERVICE|RUNBOOK",
		Short: "Rehearse a rollback at a service that is not production",
		Long: `Starts a drill of the configuration (drills), named by itself, by its service or by the runbook that it
rehearses: it breaks the service on purpose, lets the guardian find that and roll back, takes the fault
back, and measures each stage. With --wait the exit code says how it went: 0 passed, 1 slower than its
objective or failed.`,
		Example: "  guardian drill order-sync-weekly\n  guardian drill order-sync-staging --wait\n  guardian drill list\n  guardian drill show dr_01J…",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var d drillAnswer
			raw, err := newClient(address).send(c.Context(), request{method: http.MethodPost, path: "/api/v1/drills", body: map[string]string{"drill": args[0]}}, &d)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			for wait && d.Result == "" || wait && d.Ended.IsZero() {
				if raw, err = newClient(address).get(c.Context(), "/api/v1/drills/"+url.PathEscape(d.ID)+"?wait=60s", &d); err != nil {
					return exit(exitUsage, "%s", err)
				}
			}
			if output == "json" {
				_, err = s.out.Write(raw)
			} else {
				d.printWhole(s.out)
			}
			if err == nil && wait && d.Result != "passed" {
				return exit(exitFailed, "the drill %s: %s", d.Drill, d.Result)
			}
			return err
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait for its end")
	serverFlag(c, &address)
	outputFlag(c, &output)
	c.AddCommand(drillListCommand(s), drillShowCommand(s))
	return c
}

func drillListCommand(s streams) *cobra.Command {
	var address, output string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the drills of the configuration, and those that were carried out",
		Example: "  guardian drill list\n  guardian drill list --output json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var answer struct {
				Configured []struct {
					Drill     string    `json:"drill"`
					Service   string    `json:"service"`
					Runbook   string    `json:"runbook"`
					Overdue   bool      `json:"overdue"`
					Succeeded time.Time `json:"succeeded"`
				} `json:"configured"`
				Drills []drillAnswer `json:"drills"`
			}
			raw, err := newClient(address).get(c.Context(), "/api/v1/drills", &answer)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			if len(answer.Configured) == 0 {
				_, _ = fmt.Fprintln(s.out, "no drill is configured")
			}
			for _, p := range answer.Configured {
				last := "never succeeded"
				if !p.Succeeded.IsZero() {
					last = "succeeded last " + shownTime(p.Succeeded)
				}
				if p.Overdue {
					last += ", overdue"
				}
				_, _ = fmt.Fprintf(s.out, "%s: %s by %s; %s\n", p.Drill, p.Service, p.Runbook, last)
			}
			for _, d := range answer.Drills {
				d.print(s.out)
			}
			return nil
		},
	}
	serverFlag(c, &address)
	outputFlag(c, &output)
	return c
}

func drillShowCommand(s streams) *cobra.Command {
	var address, output string
	c := &cobra.Command{
		Use:     "show ID",
		Short:   "Print a drill with its stages",
		Example: "  guardian drill show dr_01J…",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var d drillAnswer
			raw, err := newClient(address).get(c.Context(), "/api/v1/drills/"+url.PathEscape(args[0]), &d)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			d.printWhole(s.out)
			return nil
		},
	}
	serverFlag(c, &address)
	outputFlag(c, &output)
	return c
}
