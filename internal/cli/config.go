package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/history"
	"guardian/internal/secret"
	"guardian/internal/store"
)

func checkCommand(s streams) *cobra.Command {
	var output string
	var messages bool
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Validate configurations and rule files: every mistake with file, line and hint",
		Long: `Loads configurations or rule files exactly as "guardian serve" does and prints every
mistake, and warnings of what is valid and cannot work or is probably not meant: such as a
watch in which a check is looked at too seldom to find an outage, a route that lets critical
alerts wait for longer than 5s, or a rollback for which no version is known to be good, neither
by the configuration nor by the journal. It also warns of what is set now, by the journal, and
would be lost: a kill switch whose variant the file does not have, an override of a shift for
somebody it does not name. Exits 1 when there is a mistake, not for warnings.

With --messages it prints too what the templates of receivers make of examples: an alert that
fires, its end, a failed deploy, a question about a rollback, and a digest.`,
		Example: "  guardian check guardian.yaml rules/*.yaml\n  guardian check --messages guardian.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			r := &secret.Redactor{}
			found, err := config.LoadFiles(files, config.Options{LookPrograms: true, Redactor: r})
			warnings := found.Warnings
			var ms config.Mistakes
			if err != nil && !errors.As(err, &ms) {
				return err
			}
			if err == nil {
				for _, conf := range found.Configs {
					warnings = append(warnings, askJournal(c.Context(), conf)...)
				}
			}
			if output == "json" {
				if ms == nil {
					ms = config.Mistakes{}
				}
				answer := map[string]any{"files": files, "mistakes": ms, "warnings": append(config.Mistakes{}, warnings...), "notes": append([]string{}, found.Notes...)}
				if messages {
					answer["messages"] = exampleMessages(found.Configs, r)
				}
				if err := printJSON(s.out, answer); err != nil {
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
				if messages && len(ms) == 0 {
					printMessages(s.out, exampleMessages(found.Configs, r))
				}
			}
			if len(ms) > 0 {
				return exit(exitFailed, "%s", counted(len(ms), "mistake"))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&messages, "messages", false, "print what the templates of receivers make of examples")
	outputFlag(c, &output)
	return c
}

// journalTimeout bounds how long the journal is asked.
const journalTimeout = 5 * time.Second

// askJournal warns of what is wrong with a configuration beside what its journal holds: rollbacks that have
// no version to go back to, and what people set that it has no place for. A journal that cannot be read
// tells nothing; one that is not there yet holds nothing.
func askJournal(ctx context.Context, c *config.Config) config.Mistakes {
	path := filepath.Join(c.Storage.Path, "journal.db")
	if _, err := os.Stat(path); !c.Storage.Postgres.IsSet() && errors.Is(err, fs.ErrNotExist) {
		var warnings config.Mistakes
		for _, u := range c.Undeclared {
			warnings = append(warnings, u.Warning)
		}
		return warnings
	}
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	journal, err := store.Open(ctx, store.Options{Postgres: c.Storage.Postgres, Path: path, ReadOnly: true})
	if err != nil {
		return nil
	}
	defer func() { _ = journal.Close() }()
	return append(nothingGood(ctx, c, journal), dropped(ctx, c, journal)...)
}

// nothingGood warns of rollbacks that have no version to go back to, by the configuration and by the journal.
func nothingGood(ctx context.Context, c *config.Config, journal *store.Store) (warnings config.Mistakes) {
	settings, err := c.Decisions()
	if err != nil {
		return nil
	}
	decider := decide.Decider{Settings: settings, Past: history.New(history.Options{Journal: journal})}
	for _, u := range c.Undeclared {
		svc, _ := settings.Service(u.Service)
		if goods, err := decider.KnownGoods(ctx, u.Service, svc.Environment, time.Now()); err == nil && len(goods) == 0 {
			warnings = append(warnings, u.Warning)
		}
	}
	return warnings
}

// dropped warns of what people set, by the journal, and the configuration has no place for.
func dropped(ctx context.Context, c *config.Config, journal *store.Store) config.Mistakes {
	now := time.Now()
	changes, err := journal.Flags(ctx)
	if err != nil {
		return nil
	}
	made, err := journal.Overrides(ctx, now)
	if err != nil {
		return nil
	}
	return c.Dropped(changes, made, now)
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
