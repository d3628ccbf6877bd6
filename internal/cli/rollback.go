package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// runAnswer is the part of the API's run that the commands read.
type runAnswer struct {
	ID       string `json:"id"`
	Service  string `json:"service"`
	Runbook  string `json:"runbook"`
	Rollback bool   `json:"rollback"`
	Kind     string `json:"kind"`
	From     string `json:"from"`
	To       string `json:"to"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	URL      string `json:"url"`
	Question *struct {
		Text string `json:"text"`
	} `json:"question"`
	Steps []struct {
		Name, Kind, State, Error string
	} `json:"steps"`
}

// ended reports whether the run is over.
func (r runAnswer) ended() bool {
	return !slices.Contains([]string{"waiting", "awaiting_approval", "running", "verifying"}, r.State)
}

// other reports whether the run is no rollback, but a runbook that an alert started.
func (r runAnswer) other() bool { return !r.Rollback && r.Runbook != "" }

// what names what the run does to its service.
func (r runAnswer) what() string {
	switch {
	case r.other():
		return "runbook " + r.Runbook
	case r.Kind == "operation":
		return "undo " + r.From
	case r.To == "": // nothing to go back to
		return strings.TrimSuffix("rollback of "+r.From, " of ")
	case r.From == "":
		return "to " + r.To
	default:
		return r.From + " → " + r.To
	}
}

func (r runAnswer) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%s: %s: %s %s\n", r.ID, strings.TrimSpace(r.Service+" "+r.what()), r.State, r.Reason)
	if r.State == "refused" && !r.other() {
		if r.To == "" && r.Kind != "operation" {
			_, _ = fmt.Fprintln(w, "  name the version to go back to with --to VERSION")
		}
		kind := ""
		if r.Kind != "" && r.Kind != "code" {
			kind = " --kind " + r.Kind
		}
		_, _ = fmt.Fprintf(w, "  nothing was done; see what would be: guardian rollback --service %s%s --dry-run\n", r.Service, kind)
	}
	for _, st := range r.Steps {
		_, _ = fmt.Fprintf(w, "  %-20s %-10s %s %s\n", st.Name, st.Kind, st.State, st.Error)
	}
	if r.Question != nil {
		_, _ = fmt.Fprintf(w, "  question: %s\n", r.Question.Text)
	}
	if r.URL != "" {
		_, _ = fmt.Fprintln(w, r.URL)
	}
}

// runFlags are the flags of rollback and of its subcommands.
type runFlags struct {
	server, output string
	wait           bool
}

func (f *runFlags) add(c *cobra.Command) {
	serverFlag(c, &f.server)
	outputFlag(c, &f.output)
	c.Flags().BoolVar(&f.wait, "wait", false, "wait until the run has ended")
}

func rollbackCommand(s streams) *cobra.Command {
	var f runFlags
	var q rollbackQuery
	var reason string
	var dryRun bool
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Roll a service back, or answer the question of a run",
		Long: `Starts the rollback runbook of a service. With --wait, waits until the run has ended: exit
0 when the failed checks are up again, 1 otherwise. The subcommands approve, reject, done,
repeat and abort answer a run; show prints one. Without --wait they exit 0 when the answer
was accepted.

With --dry-run nothing is done: it prints which version would be put back, what would be
lost, what the guards say, and each step with its templates filled in; of docker steps also
which containers would be re-created and what of them is kept. Exit 0 when the rollback would
be begun, 1 when it or a step would be refused or a template cannot be filled in, 2 for a
wrong command line or an error of the server. The role viewer is enough.`,
		Example: `  guardian rollback --service order-sync --dry-run
  guardian rollback --service order-sync --reason "orders are lost" --wait
  guardian rollback approve r_01J…`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(f.output); err != nil {
				return err
			}
			if err := notBlank(c, "to"); err != nil {
				return err
			}
			if dryRun {
				return q.dryRun(c.Context(), s, f)
			}
			if q.service == "" || strings.TrimSpace(reason) == "" {
				return exit(exitUsage, "--service and --reason are required: what to roll back, and why")
			}
			body := map[string]string{"reason": reason}
			maps.Copy(body, q.values())
			api := newClient(f.server)
			var r runAnswer
			raw, err := api.send(c.Context(), request{method: http.MethodPost, path: "/api/v1/rollbacks", body: body}, &r)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if raw, err = f.await(c.Context(), s, raw, &r); err != nil {
				return exit(exitUsage, "%s", err)
			}
			f.print(s, raw, r)
			return runExit(r)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what the rollback would do, and do nothing")
	c.Flags().StringVar(&q.service, "service", "", "the service (required)")
	c.Flags().StringVar(&q.environment, "environment", "", "the environment (default: the service's)")
	c.Flags().StringVar(&q.to, "to", "", "the version to roll back to (default: what ran before, if it is known to be good or ran healthy)")
	c.Flags().StringVar(&q.kind, "kind", "", "what to roll back: code, config or operation, which is undone (default: what was announced, in this order)")
	c.Flags().StringVar(&reason, "reason", "", "why, for the ledger (required)")
	f.add(c)
	for verb, short := range map[string]string{
		"show": "Print a run with its steps", "approve": "Approve a run that waits for approval", "reject": "Reject a run that waits for approval",
		"done": "Confirm that the step in question happened", "repeat": "Have the step in question done again", "abort": "End a run now",
	} {
		c.AddCommand(answerCommand(s, &f, verb, short))
	}
	return c
}

// rollbackQuery says what is to be rolled back.
type rollbackQuery struct{ service, environment, kind, to string }

// values gives what was said, by the API's names.
func (q rollbackQuery) values() map[string]string {
	all := map[string]string{"service": q.service, "environment": q.environment, "kind": q.kind, "to": q.to}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// dryRun prints what the rollback would do.
func (q rollbackQuery) dryRun(ctx context.Context, s streams, f runFlags) error {
	if q.service == "" {
		return exit(exitUsage, "--service is required")
	}
	query := url.Values{}
	for name, value := range q.values() {
		query.Set(name, value)
	}
	var p planAnswer
	raw, err := newClient(f.server).get(ctx, "/api/v1/rollbacks/plan?"+query.Encode(), &p)
	if err != nil {
		return exit(exitUsage, "%s", err)
	}
	if f.output == "json" {
		_, _ = s.out.Write(raw)
	} else {
		p.print(s.out)
	}
	if p.refused() || p.broken() > 0 {
		return exit(exitFailed, "")
	}
	return nil
}

func answerCommand(s streams, f *runFlags, verb, short string) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use:     verb + " ID",
		Short:   short,
		Example: "  guardian rollback " + verb + " r_01J…",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownOutput(f.output); err != nil {
				return err
			}
			call := request{method: http.MethodGet, path: "/api/v1/rollbacks/" + url.PathEscape(args[0])}
			if verb != "show" {
				call = request{method: http.MethodPost, path: call.path + "/" + verb, body: map[string]string{"note": note}}
			}
			var r runAnswer
			raw, err := newClient(f.server).send(c.Context(), call, &r)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if raw, err = f.await(c.Context(), s, raw, &r); err != nil {
				return exit(exitUsage, "%s", err)
			}
			f.print(s, raw, r)
			if !f.wait {
				return nil // the answer was accepted, however the run ends
			}
			return runExit(r)
		},
	}
	if verb != "show" {
		c.Flags().StringVar(&note, "note", "", "a note for the ledger")
	}
	f.add(c)
	return c
}

// await waits, with --wait, until the run has ended, and returns the last answer.
func (f *runFlags) await(ctx context.Context, s streams, raw []byte, r *runAnswer) ([]byte, error) {
	api := newClient(f.server)
	for f.wait && !r.ended() {
		err := retry{limit: waitRetries, log: s.err}.do(ctx, func() (err error) {
			raw, err = api.get(ctx, "/api/v1/rollbacks/"+url.PathEscape(r.ID)+"?wait=60s", r)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// print writes the API's answer, or the run for a person.
func (f *runFlags) print(s streams, raw []byte, r runAnswer) {
	if f.output == "json" {
		_, _ = s.out.Write(raw)
		return
	}
	r.print(s.out)
}

// runExit gives the exit code of a run that has ended.
func runExit(r runAnswer) error {
	if r.ended() && r.State != "cured" {
		return exit(exitFailed, "")
	}
	return nil
}
