package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
)

// watchAnswer is what the commands need of a watch.
type watchAnswer struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	URL      string `json:"url"`
	Deadline string `json:"deadline"`
	Rollback *struct {
		ID     string `json:"id"`
		State  string `json:"state"`
		To     string `json:"to"`
		Reason string `json:"reason"`
	} `json:"rollback"`
}

func watchCommand(s streams) *cobra.Command {
	var (
		server, output, service, version, previous, environment string
		kind, author, ticket, link, mode, length, key           string
		shops                                                   []string
		wait, knownGood, irreversible                           bool
	)
	most := model.Duration(24 * time.Hour)
	c := &cobra.Command{
		Use:   "watch",
		Short: "Announce a deploy and, with --wait, wait for the verdict",
		Long: `Announces a deploy. With --wait it waits for the verdict and exits with it: 0 passed,
1 failed, 2 usage or server error, 3 inconclusive, 4 the gate is closed, 5 superseded or
cancelled. A deploy that was announced already (same --key) is not announced again.`,
		Example: "  guardian watch --service order-sync --version v1.4.3 --previous v1.4.2 --wait",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if service == "" || version == "" {
				return exit(exitUsage, "name the service and the version: --service S --version V")
			}
			body := map[string]any{"service": service, "version": version, "reversible": !irreversible}
			for name, v := range map[string]string{
				"previous_version": previous, "environment": environment, "kind": kind, "author": author, "ticket": ticket, "url": link,
			} {
				if v != "" {
					body[name] = v
				}
			}
			if len(shops) > 0 {
				body["shops"] = shops
			}
			if knownGood {
				body["known_good"] = true
			}
			policy := map[string]string{}
			if length != "" {
				policy["for"] = length
			}
			if mode != "" {
				policy["mode"] = mode
			}
			if len(policy) > 0 {
				body["watch"] = policy
			}
			if key == "" {
				key = rand.Text()
			}
			return announceAndWait(c.Context(), s, newClient(server), body, key, wait, time.Duration(most), output)
		},
	}
	f := c.Flags()
	f.StringVar(&service, "service", "", "the service that was deployed")
	f.StringVar(&version, "version", "", "the version that runs now")
	f.StringVar(&previous, "previous", "", "the version that ran before")
	f.StringVar(&environment, "environment", "", `the environment (default "production")`)
	f.StringSliceVar(&shops, "shop", nil, "a shop that got it; may be repeated; left out: all")
	f.StringVar(&kind, "kind", "", "code, config or operation")
	f.StringVar(&author, "author", "", "who deployed")
	f.StringVar(&ticket, "ticket", "", "the ticket that it belongs to")
	f.StringVar(&link, "url", "", "a page about it")
	f.BoolVar(&knownGood, "known-good", false, "declare this version good")
	f.BoolVar(&irreversible, "irreversible", false, "it cannot be taken back")
	f.StringVar(&length, "for", "", "how long to watch, such as 30m (default: the service's)")
	f.StringVar(&mode, "mode", "", "auto, approve or observe (default: the service's)")
	f.StringVar(&key, "key", "", "idempotency key, such as the build's number (default: random)")
	f.BoolVar(&wait, "wait", false, "wait for the verdict")
	f.Var(&most, "patience", "with --wait: give up waiting after this long (exit 2)")
	serverFlag(c, &server)
	outputFlag(c, &output)
	c.AddCommand(suggestCommand(s))
	return c
}

func announceAndWait(ctx context.Context, s streams, api *client, body map[string]any, key string, wait bool, most time.Duration, output string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("there was no verdict within --patience %s", model.Duration(most)))
	defer cancel()
	var announced struct {
		Watch watchAnswer `json:"watch"`
	}
	var raw []byte
	announce := patience{say: s.err}
	if wait {
		announce.within = announceWithin
	}
	// The key makes it safe to announce again while a guardian takes over from another one.
	err := announce.do(ctx, func() (err error) {
		raw, err = api.do(ctx, http.MethodPost, "/api/v1/deploys", map[string]string{"Idempotency-Key": key}, body, &announced)
		return err
	})
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusConflict {
		return exit(exitGateClosed, "%s", p)
	}
	if err != nil {
		return exit(exitUsage, "%s", err)
	}
	w := announced.Watch
	if !wait {
		if output == "json" {
			_, err := s.out.Write(raw)
			return err
		}
		_, err := fmt.Fprintf(s.out, "watching %s %s until %s\n%s\n", body["service"], body["version"], w.Deadline, w.URL)
		return err
	}
	if output == "text" {
		_, _ = fmt.Fprintf(s.err, "watching %s %s until %s: %s\n", body["service"], body["version"], w.Deadline, w.URL)
	}
	id := w.ID
	for w.State == "watching" {
		err := patience{within: awayWithin, say: s.err}.do(ctx, func() (err error) {
			raw, err = api.get(ctx, "/api/v1/watches/"+url.PathEscape(id)+"?wait=60s", &w)
			return err
		})
		if err != nil {
			return exit(exitUsage, "%s", err)
		}
	}
	if output == "json" {
		if _, err := s.out.Write(raw); err != nil {
			return err
		}
	} else {
		_, _ = fmt.Fprintf(s.out, "%s: %s\n", w.State, w.Reason)
		if w.Rollback != nil {
			_, _ = fmt.Fprintf(s.out, "rollback %s to %s: %s\n", w.Rollback.ID, w.Rollback.To, w.Rollback.State)
		}
	}
	return verdictExit(w.State)
}

func verdictExit(state string) error {
	switch state {
	case "passed":
		return nil
	case "failed":
		return exit(exitFailed, "")
	case "inconclusive":
		return exit(exitInconclusive, "")
	case "superseded", "cancelled":
		return exit(exitSuperseded, "")
	default:
		return exit(exitUsage, "the guardian answered with a state that is not known here: %s", state)
	}
}

// How long a command that waits bears a guardian that does not answer. Another one takes over
// within seconds and an upgrade takes a minute; who announces to an address where nobody is
// should learn that while they still look.
const (
	announceWithin = time.Minute
	awayWithin     = 10 * time.Minute
)

// patience tries again while the guardian is away or hands over to another one, and says so
// once. A clear no is an answer.
type patience struct {
	within time.Duration // 0: do not try again
	say    io.Writer
}

func (p patience) do(ctx context.Context, call func() error) error {
	began, said := time.Now(), false
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := call()
		var no *problem
		if err == nil || (errors.As(err, &no) && no.Status < http.StatusInternalServerError && no.Status != http.StatusTooManyRequests) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(began)+pause > p.within {
			return err
		}
		if !said {
			said = true
			_, _ = fmt.Fprintf(p.say, "%s; trying again for %s\n", err, model.Duration(p.within))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func gateCommand(s streams) *cobra.Command {
	var server, output, service, environment string
	c := &cobra.Command{
		Use:     "gate",
		Short:   "Ask whether a service may be deployed now: exit 0 open, 4 closed",
		Example: "  guardian gate --service order-sync && ./deploy.sh",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if service == "" {
				return exit(exitUsage, "name the service: --service S")
			}
			var gate struct {
				Open    bool `json:"open"`
				Reasons []struct{ Code, Detail string }
			}
			q := url.Values{"service": {service}}
			if environment != "" {
				q.Set("environment", environment)
			}
			raw, err := newClient(server).get(c.Context(), "/api/v1/gate?"+q.Encode(), &gate)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, _ = s.out.Write(raw)
			} else if gate.Open {
				_, _ = fmt.Fprintln(s.out, "open")
			} else {
				for _, r := range gate.Reasons {
					_, _ = fmt.Fprintf(s.out, "closed: %s: %s\n", r.Code, r.Detail)
				}
			}
			if !gate.Open {
				return exit(exitGateClosed, "")
			}
			return nil
		},
	}
	c.Flags().StringVar(&service, "service", "", "the service")
	c.Flags().StringVar(&environment, "environment", "", `the environment (default "production")`)
	serverFlag(c, &server)
	outputFlag(c, &output)
	return c
}

// runAnswer is what the commands need of a run.
type runAnswer struct {
	ID       string `json:"id"`
	Service  string `json:"service"`
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

func printRun(w io.Writer, r runAnswer) {
	_, _ = fmt.Fprintf(w, "%s: %s %s → %s: %s %s\n", r.ID, r.Service, r.From, r.To, r.State, r.Reason)
	for _, st := range r.Steps {
		_, _ = fmt.Fprintf(w, "  %-20s %-10s %s %s\n", st.Name, st.Kind, st.State, st.Error)
	}
	if r.Question != nil {
		_, _ = fmt.Fprintf(w, "  asks: %s\n", r.Question.Text)
	}
	if r.URL != "" {
		_, _ = fmt.Fprintln(w, r.URL)
	}
}

func rollbackCommand(s streams) *cobra.Command {
	var server, output, service, environment, to, reason string
	var wait bool
	// outcome says whether the command exits with how the run ended: one that starts a run or
	// waits does, one that only answered or showed it has done what it was asked.
	finish := func(ctx context.Context, api *client, raw []byte, r runAnswer, outcome bool) error {
		for wait && !finalRun(r.State) {
			err := patience{within: awayWithin, say: s.err}.do(ctx, func() (err error) {
				raw, err = api.get(ctx, "/api/v1/rollbacks/"+url.PathEscape(r.ID)+"?wait=60s", &r)
				return err
			})
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
		}
		if output == "json" {
			_, _ = s.out.Write(raw)
		} else {
			printRun(s.out, r)
		}
		if outcome && finalRun(r.State) && r.State != "cured" {
			return exit(exitFailed, "")
		}
		return nil
	}
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Put a version back, or answer a run that asks",
		Long: `Starts the rollback runbook of a service. With --wait it waits for the end: exit 0 cured,
1 anything else. The subcommands answer a run: approve, reject, done, repeat, abort; show
prints one. Without --wait they exit 0 when the answer was taken.`,
		Example: `  guardian rollback --service order-sync --reason "orders are lost" --wait
  guardian rollback approve r_01J…`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if service == "" || reason == "" {
				return exit(exitUsage, "name the service and say why: --service S --reason WHY")
			}
			body := map[string]string{"service": service, "reason": reason}
			if to != "" {
				body["to"] = to
			}
			if environment != "" {
				body["environment"] = environment
			}
			api := newClient(server)
			var r runAnswer
			raw, err := api.do(c.Context(), http.MethodPost, "/api/v1/rollbacks", nil, body, &r)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			return finish(c.Context(), api, raw, r, true)
		},
	}
	c.Flags().StringVar(&service, "service", "", "the service")
	c.Flags().StringVar(&environment, "environment", "", `the environment (default "production")`)
	c.Flags().StringVar(&to, "to", "", "the version to put back (default: the newest known good one)")
	c.Flags().StringVar(&reason, "reason", "", "why; it stands in the ledger")
	serverFlag(c, &server)
	outputFlag(c, &output)
	c.Flags().BoolVar(&wait, "wait", false, "wait for the end")
	for verb, short := range map[string]string{
		"show": "Print a run with its steps", "approve": "Say yes to a run that waits for approval", "reject": "Say no to it",
		"done": "Say that the step in doubt did happen", "repeat": "Say that it is to be done again", "abort": "End a run here",
	} {
		c.AddCommand(answerCommand(verb, short, finish, &server, &output, &wait))
	}
	return c
}

func answerCommand(verb, short string, finish func(context.Context, *client, []byte, runAnswer, bool) error, server, output *string, wait *bool) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use:     verb + " ID",
		Short:   short,
		Example: "  guardian rollback " + verb + " r_01J…",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownOutput(*output); err != nil {
				return err
			}
			api := newClient(*server)
			path := "/api/v1/rollbacks/" + url.PathEscape(args[0])
			var r runAnswer
			var raw []byte
			var err error
			if verb == "show" {
				raw, err = api.get(c.Context(), path, &r)
			} else {
				raw, err = api.do(c.Context(), http.MethodPost, path+"/"+verb, nil, map[string]string{"note": note}, &r)
			}
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			return finish(c.Context(), api, raw, r, *wait)
		},
	}
	if verb != "show" {
		c.Flags().StringVar(&note, "note", "", "a word for the ledger")
	}
	serverFlag(c, server)
	outputFlag(c, output)
	c.Flags().BoolVar(wait, "wait", false, "wait for the end")
	return c
}

func finalRun(state string) bool {
	return !strings.Contains(" waiting awaiting_approval running verifying ", " "+state+" ")
}
