package cli

import (
	"context"
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
	var flags recordedFlags
	var output string
	var step time.Duration
	c := &cobra.Command{
		Use:   "replay",
		Short: "Test a configuration against recorded samples and deploys",
		Long: `Evaluates the rules, judges the deploys and routes the notices of a configuration over
recorded samples and deploys, and prints how the result differs from what happened: alerts,
verdicts, rollbacks, who would have been notified. It can run beside the guardian and writes
nothing.`,
		Example: `  guardian replay --from 7d --to now --config new.yaml
  guardian replay --from 2026-11-22T10:00:00Z --to 2026-11-22T11:00:00Z --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			r, err := flags.open(c.Context())
			if err != nil {
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
	flags.add(c)
	c.Flags().DurationVar(&step, "step", 0, "time between two evaluations of a rule (default: chosen by the length of the range, at most the group's interval)")
	outputFlag(c, &output)
	return c
}

// recorded is the data of a guardian, opened read-only, and the range to read.
type recorded struct {
	redactor secret.Redactor
	config   *config.Config
	samples  *series.Reader
	journal  *store.Store
	from, to time.Time
}

// recordedFlags say which data to read.
type recordedFlags struct{ file, data, from, to string }

func (f *recordedFlags) add(c *cobra.Command) {
	configFlag(c, &f.file)
	c.Flags().StringVar(&f.data, "data", "", "the folder with journal.db and series (default: the configuration's storage)")
	c.Flags().StringVar(&f.from, "from", "", "start of the range: a time, a date, or an age such as 7d")
	c.Flags().StringVar(&f.to, "to", "now", "end of the range, like --from")
}

func (f *recordedFlags) open(ctx context.Context) (*recorded, error) {
	r := &recorded{}
	var err error
	if r.config, err = loadFor(f.file, &r.redactor); err != nil {
		return nil, err
	}
	now := time.Now()
	if f.from == "" {
		return nil, exit(exitUsage, "--from is required: a time such as 2026-11-22T10:00:00Z, a day such as 2026-11-22, or how long ago, such as 7d")
	}
	if r.from, err = replay.ParseTime(f.from, now, r.config.Location()); err != nil {
		return nil, exit(exitUsage, "--from %s: %s", f.from, err)
	}
	if r.to, err = replay.ParseTime(f.to, now, r.config.Location()); err != nil {
		return nil, exit(exitUsage, "--to %s: %s", f.to, err)
	}
	folder := f.data
	o := store.Options{Postgres: r.config.Storage.Postgres, Redactor: &r.redactor, ReadOnly: true}
	if folder == "" {
		folder = r.config.Storage.Path
	} else {
		o.Postgres = secret.Secret{} // --data means the journal in that folder
	}
	o.Path = filepath.Join(folder, "journal.db")
	if r.journal, err = store.Open(ctx, o); err != nil {
		return nil, exit(exitUsage, "%s", err)
	}
	if r.samples, err = series.OpenReader(ctx, filepath.Join(folder, "series"), nil); err != nil {
		return nil, exit(exitUsage, "%s", errors.Join(err, r.journal.Close()))
	}
	return r, nil
}

func (r *recorded) close() error { return errors.Join(r.samples.Close(), r.journal.Close()) }

// progress prints how much of the work is done, at most once a second.
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
