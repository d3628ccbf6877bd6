package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"guardian/internal/config"
	"guardian/internal/secret"
)

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
