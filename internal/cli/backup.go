package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"guardian/internal/secret"
	"guardian/internal/store"
)

func backupCommand(s streams) *cobra.Command {
	var file, output string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the journal into a new file, while the guardian runs",
		Long: `Writes a consistent copy of the SQLite journal into a new file that only this user may
read. To restore it, stop the guardian and put the file in the place of journal.db. A journal in
PostgreSQL is backed up like any database.`,
		Example: "  guardian backup --config guardian.yaml journal-copy.db",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			r := &secret.Redactor{}
			conf, err := loadFor(file, r)
			if err != nil {
				return err
			}
			st, err := store.Open(c.Context(), store.Options{
				Path: filepath.Join(conf.Storage.Path, "journal.db"), Postgres: conf.Storage.Postgres, Redactor: r, ReadOnly: true,
			})
			if err != nil {
				return exit(exitUsage, "journal: %s", err)
			}
			defer st.Close()
			if err := st.Copy(c.Context(), args[0]); err != nil {
				return exit(exitUsage, "%s", err)
			}
			return printResult(s.out, output, struct {
				File string `json:"file"`
			}{args[0]}, "the journal was copied into "+args[0]+"\n")
		},
	}
	configFlag(c, &file)
	outputFlag(c, &output)
	return c
}
