package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
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
	_, _ = fmt.Fprintf(w, "%s: %s until %s, set by %s: %s\n", f.Name, f.Variant, shownTime(f.Set.Until), by, f.Set.Reason)
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
			if err := knownOutput(output); err != nil {
				return err
			}
			if length == 0 || strings.TrimSpace(why) == "" {
				return exit(exitUsage, "--for and --reason are required: for how long, such as 2h, and why")
			}
			raw, err := newClient(address).call(c.Context(), request{
				method: http.MethodPost, path: flagsPath + url.PathEscape(args[0]), body: map[string]any{"variant": args[1], "for": length.String(), "reason": why},
			})
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			return printAnswer[flagAnswer](s, output, raw)
		},
	}
	c.Flags().Var(&length, "for", "how long, such as 2h; at most the flag's max_for (required)")
	c.Flags().StringVar(&why, "reason", "", "why (required)")
	serverFlag(c, &address)
	outputFlag(c, &output)
	return c
}

func flagResetCommand(s streams) *cobra.Command {
	return removeCommand(remove{
		use: "reset FLAG", short: "Give a kill switch its default back", example: "  guardian flag reset pause-price-writes", path: flagsPath,
		done: func(_, output string, answer []byte) error { return printAnswer[flagAnswer](s, output, answer) },
	})
}

const flagsPath = "/api/v1/flags/"
