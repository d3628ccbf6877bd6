package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/config"
	"guardian/internal/replay"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/probes"
)

func replayCommand(s streams) *cobra.Command {
	var file, data, from, to, output string
	var step time.Duration
	c := &cobra.Command{
		Use:   "replay",
		Short: "Run a configuration's rules, judge and routes over what was recorded, and compare",
		Long: `Evaluates the rules, judges the deploys and routes the notices of a configuration over
recorded samples and deploys, and says how that differs from what happened: alerts, verdicts,
rollbacks, who would have been told. It reads beside the running guardian and writes nothing.`,
		Example: `  guardian replay --from 7d --to now --config new.yaml
  guardian replay --from 2026-11-22T10:00:00Z --to 2026-11-22T11:00:00Z --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var r recorded
			if err := r.open(c, file, data, from, to); err != nil {
				return err
			}
			report, err := replay.Run(c.Context(), replay.Options{
				Config: r.config, Kinds: probes.Builtin(), Samples: r.samples, Journal: r.journal,
				From: r.from, To: r.to, Step: step, Progress: progress(s.err),
			})
			if err = errors.Join(err, r.close()); err != nil {
				return exit(exitUsage, "%s", r.redactor.Redact(err.Error()))
			}
			if output == "json" {
				return printJSON(s.out, report)
			}
			return report.Text(s.out, r.config.Location())
		},
	}
	recordedFlags(c, &file, &data, &from, &to)
	c.Flags().DurationVar(&step, "step", 0, "the time between two evaluations of a rule; left out: as short as the length of the time allows, at most the group's interval")
	outputFlag(c, &output)
	return c
}

// recorded is what a guardian has recorded, opened to be read.
type recorded struct {
	redactor secret.Redactor
	config   *config.Config
	samples  *series.Reader
	journal  *store.Store
	from, to time.Time
}

func recordedFlags(c *cobra.Command, file, data, from, to *string) {
	configFlag(c, file)
	c.Flags().StringVar(data, "data", "", "the folder with journal.db and series; left out: the configuration's storage")
	c.Flags().StringVar(from, "from", "", "the beginning: a time, a day, or how long ago (7d)")
	c.Flags().StringVar(to, "to", "now", "the end, like --from")
}

func (r *recorded) open(c *cobra.Command, file, data, from, to string) (err error) {
	if r.config, err = loadFor(file, &r.redactor); err != nil {
		return err
	}
	now := time.Now()
	if r.from, err = replay.ParseTime(from, now, r.config.Location()); err != nil {
		return exit(exitUsage, "--from %s: %s", from, err)
	}
	if r.to, err = replay.ParseTime(to, now, r.config.Location()); err != nil {
		return exit(exitUsage, "--to %s: %s", to, err)
	}
	o := store.Options{Postgres: r.config.Storage.Postgres, Redactor: &r.redactor, ReadOnly: true}
	if data == "" {
		data = r.config.Storage.Path
	} else {
		o.Postgres = secret.Secret{} // the folder was named: its journal is meant
	}
	o.Path = filepath.Join(data, "journal.db")
	if r.journal, err = store.Open(c.Context(), o); err != nil {
		return exit(exitUsage, "%s", err)
	}
	if r.samples, err = series.OpenReader(c.Context(), filepath.Join(data, "series"), nil); err != nil {
		return exit(exitUsage, "%s", errors.Join(err, r.journal.Close()))
	}
	return nil
}

func (r *recorded) close() error { return errors.Join(r.samples.Close(), r.journal.Close()) }

// progress says on a terminal or in a log how far the work is, at most once a second.
func progress(w io.Writer) func(string, float64) {
	var last time.Time
	began := time.Now()
	return func(what string, part float64) {
		if now := time.Now(); now.Sub(last) >= time.Second {
			last = now
			_, _ = fmt.Fprintf(w, "%s: %3.0f%% after %s\n", what, part*100, now.Sub(began).Round(time.Second))
		}
	}
}
