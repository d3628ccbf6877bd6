package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"guardian/internal/importer"
)

func importCommand(s streams) *cobra.Command {
	c := &cobra.Command{Use: "import", Short: "Convert configurations of other systems", Example: "  guardian import alertmanager alertmanager.yml > guardian.yaml"}
	c.AddCommand(importAlertmanagerCommand(s))
	return c
}

func importAlertmanagerCommand(s streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "alertmanager FILE",
		Short: "Convert an Alertmanager configuration: routes, inhibition, time intervals, receivers",
		Long: `Prints the sections routes, inhibit_rules, time_intervals and receivers of guardian.yaml
that mean the same as an Alertmanager configuration. Whatever has no counterpart is named on
standard error, and so is each route that lets critical alerts wait for longer than 5s.
Secrets in files stay in those files.`,
		Example: "  guardian import alertmanager alertmanager.yml > guardian.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			content, err := os.ReadFile(args[0])
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			made, err := importer.Alertmanager(content)
			if err != nil {
				return exit(exitFailed, "%s: %s", args[0], err)
			}
			if output == "json" {
				return printJSON(s.out, map[string]any{"config": string(made.Config), "receivers": made.Receivers, "notes": append([]importer.Note{}, made.Notes...)})
			}
			for _, n := range made.Notes {
				_, _ = fmt.Fprintf(s.err, "%s:%d: %s\n", args[0], n.Line, n)
			}
			_, err = s.out.Write(made.Config)
			return err
		},
	}
	outputFlag(c, &output)
	return c
}
