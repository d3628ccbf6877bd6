package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"guardian/internal/reason"
)

// flagAnswer is a flag in the API.
type flagAnswer struct {
	Name    string `json:"name"`
	Owner   string `json:"owner"`
	Variant string `json:"variant"`
	Default string `json:"default"`
	Set     *struct {
		By     string        `json:"by"`
		Run    string        `json:"run"`
		Reason reason.Reason `json:"reason"`
		Until  time.Time     `json:"until"`
	} `json:"set"`
}

func (f flagAnswer) print(w io.Writer) {
	if f.Set == nil {
		_, _ = fmt.Fprintf(w, "%s: %s (default)\n", f.Name, f.Variant)
		return
	}
	by := f.Set.By
	if f.Set.Run != "" {
		by = "run " + f.Set.Run
	}
	_, _ = fmt.Fprintf(w, "%s: %s until %s, set by %s: %s\n", f.Name, f.Variant, f.Set.Until.UTC().Format("2006-01-02 15:04:05 MST"), by, f.Set.Reason)
}

func flagCommand(s streams) *cobra.Command {
	var address, output string
	c := &cobra.Command{
		Use:     "flag",
		Short:   "List the kill switches that programs read, set one for a time, or give it its default back",
		Example: "  guardian flag\n  guardian flag --output json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var answer struct {
				Flags []flagAnswer `json:"flags"`
			}
			raw, err := newClient(address).get(c.Context(), "/api/v1/flags", &answer)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			if len(answer.Flags) == 0 {
				_, _ = fmt.Fprintln(s.out, "no flag is configured")
			}
			for _, f := range answer.Flags {
				f.print(s.out)
			}
			return nil
		},
	}
	serverFlag(c, &address)
	outputFlag(c, &output)
	c.AddCommand(flagSetCommand(s), flagResetCommand(s))
	return c
}

func flagSetCommand(s streams) *cobra.Command {
	var address, output, why string
	var length model.Duration
	c := &cobra.Command{
		Use:     "set FLAG VARIANT",
		Short:   "Set a kill switch for a time; afterwards its default holds again",
		Example: `  guardian flag set pause-price-writes on --for 2h --reason "prices are zero"`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			body := map[string]any{"variant": args[1], "for": length.String(), "reason": why}
			return changeFlag(c, s, flagChange{address, output, request{method: http.MethodPost, path: flagPath(args[0]), body: body}})
		},
	}
	c.Flags().Var(&length, "for", "how long, such as 2h; at most the flag's max_for")
	c.Flags().StringVar(&why, "reason", "", "why")
	_ = c.MarkFlagRequired("for")
	_ = c.MarkFlagRequired("reason")
	serverFlag(c, &address)
	outputFlag(c, &output)
	return c
}

func flagResetCommand(s streams) *cobra.Command {
	var address, output string
	c := &cobra.Command{
		Use:     "reset FLAG",
		Short:   "Give a kill switch its default back",
		Example: "  guardian flag reset pause-price-writes",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return changeFlag(c, s, flagChange{address, output, request{method: http.MethodDelete, path: flagPath(args[0])}})
		},
	}
	serverFlag(c, &address)
	outputFlag(c, &output)
	return c
}

func flagPath(name string) string { return "/api/v1/flags/" + url.PathEscape(name) }

type flagChange struct {
	address, output string
	request         request
}

func changeFlag(c *cobra.Command, s streams, change flagChange) error {
	if err := knownOutput(change.output); err != nil {
		return err
	}
	var changed flagAnswer
	raw, err := newClient(change.address).send(c.Context(), change.request, &changed)
	if err != nil {
		return exit(exitUsage, "%s", err)
	}
	if change.output == "json" {
		_, err = s.out.Write(raw)
		return err
	}
	changed.print(s.out)
	return nil
}
