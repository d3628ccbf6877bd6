package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"guardian/decide"
	"guardian/internal/secret"
	"guardian/internal/spelling"
)

func runbookCommand(s streams) *cobra.Command {
	var path, output string
	c := &cobra.Command{
		Use:     "runbook",
		Short:   "List the runbooks of the configuration",
		Example: "  guardian runbook\n  guardian runbook show order-sync-back",
		Args:    cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			lists, err := checklists(path, output)
			if err != nil {
				return err
			}
			if output == "json" {
				return printJSON(s.out, map[string]any{"runbooks": lists})
			}
			if len(lists) == 0 {
				_, _ = fmt.Fprintln(s.out, "no runbook is configured")
			}
			for _, l := range lists {
				_, _ = fmt.Fprintf(s.out, "%s: %s; started by %s\n", l.Runbook, stepNames(l), strings.Join(sheet{}.triggers(l), "; "))
			}
			return nil
		},
	}
	c.AddCommand(runbookShowCommand(s))
	configFlag(c, &path)
	outputFlag(c, &output)
	return c
}

func runbookShowCommand(s streams) *cobra.Command {
	var path, output, language string
	c := &cobra.Command{
		Use:   "show RUNBOOK",
		Short: "Print a runbook as the checklist that a team keeps on paper",
		Long: `Prints, as Markdown, what starts a runbook, who is asked, what keeps it from starting, its steps,
and when it is over. It reads the configuration alone; what a run would do now to its targets says
guardian rollback --dry-run.`,
		Example: "  guardian runbook show order-sync-back\n  guardian runbook show order-sync-back --language zh\n  guardian runbook show order-sync-back --output json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if language != "en" && language != "zh" {
				return exit(exitUsage, "--language %q is neither en nor zh", language)
			}
			lists, err := checklists(path, output)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(lists, func(l decide.Checklist) bool { return l.Runbook == args[0] })
			if i < 0 {
				return exit(exitUsage, "there is no runbook %q; %s", args[0], spelling.Hint(args[0], names(lists, func(l decide.Checklist) string { return l.Runbook })))
			}
			if output == "json" {
				return printJSON(s.out, lists[i])
			}
			sheet{s.out, language == "zh"}.print(lists[i])
			return nil
		},
	}
	c.Flags().StringVar(&language, "language", "en", "language of the checklist: zh or en")
	configFlag(c, &path)
	outputFlag(c, &output)
	return c
}

func checklists(path, output string) ([]decide.Checklist, error) {
	if err := knownOutput(output); err != nil {
		return nil, err
	}
	redactor := &secret.Redactor{}
	c, err := loadFor(path, redactor)
	if err != nil {
		return nil, exit(exitUsage, "%s", err)
	}
	settings, err := c.Decisions()
	if err != nil {
		return nil, exit(exitUsage, "%s", err)
	}
	all := []decide.Checklist{}
	for i := range c.Runbooks {
		all = append(all, settings.Checklist(&c.Runbooks[i], redactor))
	}
	return all, nil
}

func stepNames(l decide.Checklist) string {
	var names []string
	for _, s := range l.Steps {
		names = append(names, s.Name)
	}
	if len(l.Fallback) > 0 {
		names = append(names, fmt.Sprintf("and a fallback of %d", len(l.Fallback)))
	}
	return strings.Join(names, ", ")
}
