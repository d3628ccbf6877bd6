package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/secret"
	"guardian/internal/spelling"
	"guardian/watch"
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
				_, _ = fmt.Fprintf(s.out, "%s: %s; started by %s\n", l.Runbook, stepNames(l), strings.Join(triggers(l), "; "))
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
	var path, output string
	c := &cobra.Command{
		Use:   "show RUNBOOK",
		Short: "Print a runbook as the checklist that a team keeps on paper",
		Long: `Prints, as Markdown, what starts a runbook, who is asked, what keeps it from starting, its steps,
and when it is over. It reads the configuration alone; what a run would do now to its targets says
guardian rollback --dry-run.`,
		Example: "  guardian runbook show order-sync-back\n  guardian runbook show order-sync-back --output json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
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
			printChecklist(s.out, lists[i])
			return nil
		},
	}
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
	return strings.Join(names(l.Steps, func(s decide.ChecklistStep) string { return s.Name }), ", ")
}

// triggers says what starts the runbook, a line each.
func triggers(l decide.Checklist) []string {
	var all []string
	for _, t := range l.Triggers {
		what := "a failed deploy of " + t.Service + " in " + t.Environment
		switch t.By {
		case "operation":
			what = "a failed operation of " + t.Service + " in " + t.Environment
		case "alert":
			var labels []string
			for _, name := range slices.Sorted(maps.Keys(t.Match)) {
				labels = append(labels, fmt.Sprintf("%s=%q", name, t.Match[name]))
			}
			what = "an alert with " + strings.Join(labels, ", ")
		}
		switch t.Mode {
		case watch.Auto:
			what += ", at once"
		case watch.Approve:
			what += ", after approval"
		default:
			what += " (mode observe: it is told, and not started)"
		}
		all = append(all, what)
	}
	return append(all, "a person")
}

func printChecklist(w io.Writer, l decide.Checklist) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("# Runbook %s\n\n## What starts it\n", l.Runbook)
	for _, t := range triggers(l) {
		line("- [ ] %s", t)
	}
	line("\n## Who is asked\n")
	line("- %d of the role %s or higher, where approval is needed; %s", l.Asked.Quorum, strings.Join(l.Asked.Roles, ", "), deadline(l.Asked))
	if !l.Asked.AuthorMay {
		line("- not whoever deployed; one more, where that is nobody who may approve")
	}
	line("\n## What keeps it from starting by itself\n")
	line("- another run of the service is under way; the version is not known to be good")
	line("- the cool-down: %s after a run; at most %d runs within 24 hours", l.Limits.Cooldown, l.Limits.MaxRunsPerDay)
	if l.Limits.BrakeServices > 0 {
		line("- the brake: %d services failed within %s (a person is asked)", l.Limits.BrakeServices, l.Limits.BrakeWithin)
	}
	for _, f := range l.Freezes {
		line("- the freeze %s, %s to %s (a person is asked)", f.Name, shownTime(f.From), shownTime(f.To))
	}
	line("\n## What is done\n")
	for i, s := range l.Steps {
		line("%d. [ ] **%s** (%s, within %s%s)", i+1, s.Name, s.Kind, s.Timeout, map[bool]string{true: ", may be repeated"}[s.Idempotent])
		for _, set := range s.Settings {
			line("   - %s: `%s`", set.Key, set.Value)
		}
	}
	line("\nAfter a failed step %s.", map[bool]string{true: "the next one follows, and the run has failed at its end", false: "the run has failed, and a person goes on"}[l.Failure == actions.OnFailureContinue])
	line("\n## When it is over\n")
	if l.Verify.For == 0 {
		line("- [ ] its steps are done; nothing is verified")
		return
	}
	line("- [ ] within %s what made it necessary is over: %d looks in a row, every %s, are up", l.Verify.For, l.Verify.Successes, l.Verify.Every)
	for _, c := range l.Verify.Checks {
		line("- [ ] the check %s is up", c)
	}
}

func deadline(a decide.ChecklistApproval) string {
	switch {
	case a.Timeout == 0:
		return "the question waits for ever"
	case a.OnTimeout == actions.OnTimeoutApprove:
		return fmt.Sprintf("without an answer within %s it starts", a.Timeout)
	case a.OnTimeout == actions.OnTimeoutEscalate:
		return fmt.Sprintf("without an answer within %s the next people of the escalation are asked", a.Timeout)
	default:
		return fmt.Sprintf("without an answer within %s it is not started", a.Timeout)
	}
}
