package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"guardian/internal/config"
	"guardian/internal/secret"
)

func checkCommand(s streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Validate configurations and rule files: every mistake with file, line and hint",
		Long: `Loads configurations or rule files exactly as "guardian serve" does and prints every
mistake, and warnings of what is valid and cannot work or is probably not meant: such as a
watch in which a check is looked at too seldom to find an outage, or a route that lets critical
alerts wait for longer than 5s. Exits 1 when there is a mistake, not for warnings.`,
		Example: "  guardian check guardian.yaml rules/*.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			found, err := config.LoadFiles(files, config.Options{})
			warnings := found.Warnings
			var ms config.Mistakes
			if err != nil && !errors.As(err, &ms) {
				return err
			}
			if output == "json" {
				if ms == nil {
					ms = config.Mistakes{}
				}
				if err := printJSON(s.out, map[string]any{"files": files, "mistakes": ms, "warnings": append(config.Mistakes{}, warnings...), "notes": append([]string{}, found.Notes...)}); err != nil {
					return err
				}
			} else {
				for _, m := range ms {
					_, _ = fmt.Fprintln(s.out, m.Error())
				}
				for _, m := range warnings {
					m.Problem = "warning: " + m.Problem
					_, _ = fmt.Fprintln(s.out, m.Error())
				}
				for _, note := range found.Notes {
					_, _ = fmt.Fprintln(s.out, note)
				}
				switch {
				case len(ms) > 0:
				case len(warnings) > 0:
					_, _ = fmt.Fprintf(s.out, "%s, no mistakes, %s\n", counted(len(files), "file"), counted(len(warnings), "warning"))
				default:
					_, _ = fmt.Fprintf(s.out, "%s, no mistakes\n", counted(len(files), "file"))
				}
			}
			if len(ms) > 0 {
				return exit(exitFailed, "%s", counted(len(ms), "mistake"))
			}
			return nil
		},
	}
	outputFlag(c, &output)
	return c
}

// counted returns "1 file" or "2 files".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func schemaCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of a configuration, for editors",
		Example: "  guardian schema > guardian.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b, err := config.Schema(config.Options{})
			if err != nil {
				return err
			}
			_, err = s.out.Write(b)
			return err
		},
	}
}

// loadFor loads the configuration for a command that needs only a part of it.
func loadFor(file string, r *secret.Redactor) (*config.Config, error) {
	c, err := config.Load(file, config.Options{Redactor: r})
	if err != nil {
		return nil, exit(exitUsage, "%s", err)
	}
	return c, nil
}

func configFlag(c *cobra.Command, into *string) {
	c.Flags().StringVarP(into, "config", "c", "guardian.yaml", "the configuration file")
}
