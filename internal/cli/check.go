package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// checkFlags are those of guardian check.
type checkFlags struct {
	output, to        string
	messages, targets bool
}

func checkCommand(s streams) *cobra.Command {
	var f checkFlags
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
fires, its end, a failed deploy, a question about a rollback, and a digest.

With --targets it asks the target of each step of each runbook what a run would do to it now:
whether the container is there, the engine, the cluster, the machine, the repository or the
database answers and lets the guardian in, and the version to go back to is there. Nothing is
changed: a webhook's host is connected to, and gets no request. Run it where the guardian runs,
as its user. The version is the one that a rollback would choose by the journal, or --to. Exits 1
when a target is wrong, not when one cannot be asked.`,
		Example: "  guardian check guardian.yaml rules/*.yaml\n  guardian check --messages guardian.yaml\n  guardian check --targets guardian.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, files []string) error { return f.check(c.Context(), s, files) },
	}
	c.Flags().BoolVar(&f.messages, "messages", false, "print what the templates of receivers make of examples")
	c.Flags().BoolVar(&f.targets, "targets", false, "ask the targets of all runbooks what a run would do to them now; nothing is changed")
	c.Flags().StringVar(&f.to, "to", "", "with --targets: the version to go back to; default: the one that a rollback would choose")
	outputFlag(c, &f.output)
	return c
}

func (f checkFlags) check(ctx context.Context, s streams, files []string) error {
	if err := knownOutput(f.output); err != nil {
		return err
	}
	r := &secret.Redactor{}
	found, err := config.LoadFiles(files, config.Options{LookPrograms: true, Redactor: r})
	ms := config.Mistakes{}
	if err != nil && !errors.As(err, &ms) {
		return err
	}
	if err == nil {
		for _, conf := range found.Configs {
			found.Warnings = append(found.Warnings, askJournal(ctx, conf)...)
		}
	}
	var asked []targetLine
	if f.targets && len(ms) == 0 {
		asked = askTargets(ctx, s.err, found.Configs, targetOptions{to: f.to, redactor: r, quiet: f.output == "json"})
	}
	if f.output == "json" {
		answer := map[string]any{"files": files, "mistakes": ms, "warnings": append(config.Mistakes{}, found.Warnings...), "notes": append([]string{}, found.Notes...)}
		if f.messages {
			answer["messages"] = exampleMessages(found.Configs, r)
		}
		if f.targets {
			answer["targets"] = asked
		}
		if err := printJSON(s.out, answer); err != nil {
			return err
		}
	} else {
		printFound(s.out, files, found, ms)
		if f.messages && len(ms) == 0 {
			printMessages(s.out, exampleMessages(found.Configs, r))
		}
		if f.targets && len(ms) == 0 {
			printTargets(s.out, asked)
		}
	}
	if len(ms) > 0 {
		return exit(exitFailed, "%s", counted(len(ms), "mistake"))
	}
	return wrongTargets(asked)
}

// printFound prints mistakes, warnings and notes, a line each.
func printFound(w io.Writer, files []string, found config.Findings, ms config.Mistakes) {
	for _, m := range ms {
		_, _ = fmt.Fprintln(w, m.Error())
	}
	for _, m := range found.Warnings {
		m.Problem = "warning: " + m.Problem
		_, _ = fmt.Fprintln(w, m.Error())
	}
	for _, note := range found.Notes {
		_, _ = fmt.Fprintln(w, note)
	}
	switch {
	case len(ms) > 0:
	case len(found.Warnings) > 0:
		_, _ = fmt.Fprintf(w, "%s, no mistakes, %s\n", counted(len(files), "file"), counted(len(found.Warnings), "warning"))
	default:
		_, _ = fmt.Fprintf(w, "%s, no mistakes\n", counted(len(files), "file"))
	}
}

// journalTimeout bounds how long the journal is asked.
const journalTimeout = 5 * time.Second

// askJournal warns of what is wrong with a configuration beside what its journal holds: rollbacks that have
// no version to go back to, and what people set that it has no place for. A journal that cannot be read
// tells nothing; one that is not there yet holds nothing.
func askJournal(ctx context.Context, c *config.Config) config.Mistakes {
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	journal, there := openJournal(ctx, c)
	switch {
	case !there:
		var warnings config.Mistakes
		for _, u := range c.Undeclared {
			warnings = append(warnings, u.Warning)
		}
		return warnings
	case journal == nil:
		return nil
	}
	defer func() { _ = journal.Close() }()
	return append(nothingGood(ctx, c, journal), dropped(ctx, c, journal)...)
}

// openJournal opens the journal of a configuration to read it; nil: it cannot be read, or is not there yet.
func openJournal(ctx context.Context, c *config.Config) (journal *store.Store, there bool) {
	path := filepath.Join(c.Storage.Path, "journal.db")
	if _, err := os.Stat(path); !c.Storage.Postgres.IsSet() && errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	journal, err := store.Open(ctx, store.Options{Postgres: c.Storage.Postgres, Path: path, ReadOnly: true})
	if err != nil {
		return nil, true
	}
	return journal, true
}

// nothingGood warns of rollbacks that have no version to go back to, by the configuration and by the journal.
func nothingGood(ctx context.Context, c *config.Config, journal *store.Store) (warnings config.Mistakes) {
	settings, err := c.Decisions()
	if err != nil {
		return nil //nolint:nilerr // it is said before
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
		return nil //nolint:nilerr // a journal that cannot be read is no mistake of the configuration
	}
	made, err := journal.Overrides(ctx, now)
	if err != nil {
		return nil //nolint:nilerr // the same
	}
	return c.Dropped(changes, made, now)
}
