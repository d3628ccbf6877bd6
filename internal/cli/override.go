package cli

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"guardian/oncall"
)

// overrideFlags say who is on call when.
type overrideFlags struct {
	schedule, person, replaces, from, until string
	length                                  model.Duration
}

func overrideCommand(s streams) *cobra.Command {
	var address, output string
	var f overrideFlags
	c := &cobra.Command{
		Use:   "override",
		Short: "Put somebody on call for a time, whatever the schedule says",
		Long: `Puts somebody on call from now, or --from on, until a time. With --replaces they stand in for
one person only, at the times at which that person would be on call. It goes before overrides
of the configuration.`,
		Example: `  guardian oncall override --schedule orders --person siti --for 8h
  guardian oncall override --schedule orders --person siti --replaces wei --from 2026-02-02T00:00:00+08:00 --until 2026-02-09T00:00:00+08:00
  guardian oncall override list
  guardian oncall override delete o_01J…`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			body, err := f.body(time.Now())
			if err != nil {
				return err
			}
			var made oncall.Made
			raw, err := newClient(address).send(c.Context(), request{method: http.MethodPost, path: "/api/v1/oncall/overrides", body: body}, &made)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			_, err = fmt.Fprintln(s.out, overrideLine(made))
			return err
		},
	}
	c.Flags().StringVar(&f.schedule, "schedule", "", "the schedule's name (required)")
	c.Flags().StringVar(&f.person, "person", "", "who is on call (required)")
	c.Flags().StringVar(&f.replaces, "replaces", "", "stand in for this person only (default: for everybody)")
	c.Flags().StringVar(&f.from, "from", "", "from when on (RFC 3339; default: now)")
	c.Flags().StringVar(&f.until, "until", "", "until when (RFC 3339)")
	c.Flags().Var(&f.length, "for", "in place of --until: how long, such as 8h or 1w")
	serverFlag(c, &address)
	outputFlag(c, &output)
	c.AddCommand(overridesCommand(s), deleteOverrideCommand(s))
	return c
}

// body is the call that makes the override.
func (f overrideFlags) body(now time.Time) (map[string]string, error) {
	if (f.until == "") == (f.length == 0) {
		return nil, exit(exitUsage, "say either --until or --for")
	}
	body := map[string]string{"schedule": f.schedule, "person": f.person, "replaces": f.replaces, "from": f.from, "to": f.until}
	if f.length != 0 {
		from := now
		if f.from != "" {
			var err error
			if from, err = time.Parse(time.RFC3339, f.from); err != nil {
				return nil, exit(exitUsage, "--from %q is no time such as 2026-02-02T00:00:00+08:00", f.from)
			}
		}
		body["to"] = from.Add(time.Duration(f.length)).UTC().Format(time.RFC3339)
	}
	return body, nil
}

func overridesCommand(s streams) *cobra.Command {
	var address, output string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the overrides that people made and that have not ended",
		Example: "  guardian oncall override list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var answer struct{ Overrides []oncall.Made }
			raw, err := newClient(address).get(c.Context(), "/api/v1/oncall/overrides", &answer)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			for _, m := range answer.Overrides {
				_, _ = fmt.Fprintln(s.out, overrideLine(m))
			}
			if len(answer.Overrides) == 0 {
				_, _ = fmt.Fprintln(s.out, "no overrides beside those of the configuration")
			}
			return nil
		},
	}
	serverFlag(c, &address)
	outputFlag(c, &output)
	return c
}

func deleteOverrideCommand(s streams) *cobra.Command {
	return removeCommand(remove{
		use: "delete ID", short: "Take an override back, from now on", example: "  guardian oncall override delete o_01J…", path: "/api/v1/oncall/overrides/",
		done: func(id, output string, _ []byte) error {
			return printResult(s.out, output, map[string]any{"id": id, "deleted": true}, "deleted\n")
		},
	})
}

func overrideLine(m oncall.Made) string {
	text := fmt.Sprintf("%s  %s: %s", m.ID, m.Schedule, m.Person)
	if m.Replaces != "" {
		text += " in place of " + m.Replaces
	}
	return text + fmt.Sprintf(" from %s to %s, by %s", m.From.Format(time.RFC3339), m.To.Format(time.RFC3339), m.By)
}
