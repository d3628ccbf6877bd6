package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
)

// watchAnswer is the part of the API's watch that the commands read.
type watchAnswer struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	URL      string `json:"url"`
	Deadline string `json:"deadline"`
	Mode     string `json:"mode"`
	// ModeReason is why the mode is not the service's.
	ModeReason string `json:"mode_reason"`

	Deploy struct {
		Kind string `json:"kind"`
	} `json:"deploy"`
	Rollback *struct {
		ID     string `json:"id"`
		State  string `json:"state"`
		To     string `json:"to"`
		Reason string `json:"reason"`
	} `json:"rollback"`
	Plan *struct {
		Refused []string `json:"refused"`
	} `json:"plan"`
}

// follows says in a line what becomes of a watch that ended; "" for nothing.
func (w watchAnswer) follows() string {
	switch undone := w.Deploy.Kind == "operation"; {
	case w.Rollback != nil && undone:
		return fmt.Sprintf("undoing it, %s: %s", w.Rollback.ID, w.Rollback.State)
	case w.Rollback != nil && w.Rollback.To == "":
		return fmt.Sprintf("rollback %s: %s", w.Rollback.ID, w.Rollback.State)
	case w.Rollback != nil:
		line := fmt.Sprintf("rollback %s to %s: %s", w.Rollback.ID, w.Rollback.To, w.Rollback.State)
		if w.Rollback.State == "awaiting_approval" {
			line += "; approve it on its page, or with: guardian rollback approve " + w.Rollback.ID
		}
		return line
	case w.State != "failed":
		return ""
	case w.Plan == nil && undone:
		return "nothing is undone: the service names no runbook that undoes operations (undo)"
	case w.Plan == nil:
		return "nothing is rolled back: the service names no rollback runbook"
	case w.Mode == "observe" && w.ModeReason != "":
		return "nothing is rolled back: " + w.ModeReason
	case w.Mode == "observe":
		return "nothing is rolled back: the deploy is only observed (mode observe)"
	case len(w.Plan.Refused) > 0:
		return "nothing is rolled back: " + strings.Join(w.Plan.Refused, "; ")
	default:
		return ""
	}
}

// watchFlags is the command line of guardian watch.
type watchFlags struct {
	server, output, service, version, previous, environment string
	kind, author, ticket, link, mode, length, key, at       string
	shops                                                   []string
	wait, cured, gate, exec, knownGood, irreversible        bool
	waitTimeout                                             model.Duration

	phase string    // of the announcement
	tried time.Time // when it was tried first; zero: at the first call
}

func watchCommand(s streams) *cobra.Command {
	f := watchFlags{waitTimeout: model.Duration(24 * time.Hour)}
	c := &cobra.Command{
		Use:   "watch",
		Short: "Announce a deploy and, with --wait, wait for the verdict",
		Long: `Announces a deploy that has happened, so that it is watched. With --wait, waits for the
verdict and exits with it: 0 passed, 1 failed, 2 usage or server error, 3 inconclusive,
5 superseded or cancelled. With --wait=cured, waits for the end of the rollback of a failed
deploy, too, and prints whether it was cured; the exit code stays 1. A deploy is watched
also when the gate is closed; with --gate the gate is asked first, and when it is closed
nothing is announced: exit 4. Announcing is idempotent: a second call with the same --key
announces nothing new.

With --exec, announces that the deploy begins, runs the command after --, which deploys, and
announces its end: so it is known when the deploy happened. A command that fails ends this
one with its own exit code, and the deploy is watched as one of which it is not known
whether it happened. Signals are passed on to the command; one that comes before it began keeps
it from beginning. A program that cannot be started deployed nothing, and is not watched.`,
		Example: `  guardian watch --service order-sync --version v1.4.3 --previous v1.4.2 --wait
  guardian watch --service order-sync --version v1.4.3 --gate --wait --exec -- ./deploy.sh v1.4.3`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, command []string) error {
			if err := knownOutput(f.output); err != nil {
				return err
			}
			f.version, f.previous = strings.TrimSpace(f.version), strings.TrimSpace(f.previous)
			if f.service == "" || f.version == "" {
				return exit(exitUsage, "--service and --version are required")
			}
			if err := notBlank(c, "shop"); err != nil {
				return err
			}
			switch {
			case f.exec && len(command) == 0:
				return exit(exitUsage, "--exec needs a command: guardian watch … --exec -- ./deploy.sh")
			case !f.exec && len(command) > 0:
				return exit(exitUsage, "unexpected argument %q; a command that deploys goes after --exec --", command[0])
			case f.exec && f.at != "":
				return exit(exitUsage, "--at and --exec exclude each other: with --exec it is known when the deploy happens")
			}
			if f.key == "" {
				f.key = rand.Text()
			}
			return f.run(c.Context(), s, command)
		},
	}
	f.add(c)
	c.AddCommand(suggestCommand(s))
	return c
}

func (f *watchFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.service, "service", "", "the deployed service (required)")
	fs.StringVar(&f.version, "version", "", "the new version (required)")
	fs.StringVar(&f.previous, "previous", "", "the version before it")
	fs.StringVar(&f.environment, "environment", "", "the environment (default: the service's)")
	fs.StringSliceVar(&f.shops, "shop", nil, "a shop that got the deploy; repeatable (default: all shops)")
	fs.StringVar(&f.kind, "kind", "", "code, config or operation")
	fs.StringVar(&f.author, "author", "", "who deployed")
	fs.StringVar(&f.ticket, "ticket", "", "the ticket of the change")
	fs.StringVar(&f.link, "url", "", "a link to the change or its pipeline")
	fs.BoolVar(&f.knownGood, "known-good", false, "declare this version known good")
	fs.BoolVar(&f.irreversible, "irreversible", false, "never roll this deploy back")
	fs.StringVar(&f.length, "for", "", "how long to watch, such as 30m (default: the service's setting)")
	fs.StringVar(&f.mode, "mode", "", "auto, approve or observe (default: the service's setting)")
	fs.StringVar(&f.key, "key", "", "idempotency key, such as the build number (default: random)")
	fs.StringVar(&f.at, "at", "", "when the deploy happened, such as 2026-11-22T10:00:00Z (default: estimated); the clocks are compared")
	fs.BoolVar(&f.exec, "exec", false, "run the command after --, which deploys, between announcing its beginning and its end")
	fs.BoolVar(&f.gate, "gate", false, "ask the gate first; when it is closed, announce nothing and exit 4")
	fs.Var(waitFlag{f}, "wait", "wait for the verdict; --wait=cured: and for the end of the rollback")
	fs.Lookup("wait").NoOptDefVal = "verdict"
	fs.Var(&f.waitTimeout, "wait-timeout", "with --wait: stop waiting after this long (exit 2)")
	renamedFlag(c, "patience", "wait-timeout")
	serverFlag(c, &f.server)
	outputFlag(c, &f.output)
}

// body is the announcement as the API takes it.
func (f *watchFlags) body() map[string]any {
	body := map[string]any{"service": f.service, "version": f.version, "reversible": !f.irreversible}
	for name, v := range map[string]string{
		"previous_version": f.previous, "environment": f.environment, "kind": f.kind, "author": f.author, "ticket": f.ticket, "url": f.link,
		"at": f.at, "phase": f.phase,
	} {
		if v != "" {
			body[name] = v
		}
	}
	if len(f.shops) > 0 {
		body["shops"] = f.shops
	}
	if f.knownGood {
		body["known_good"] = true
	}
	policy := map[string]string{}
	if f.length != "" {
		policy["for"] = f.length
	}
	if f.mode != "" {
		policy["mode"] = f.mode
	}
	if len(policy) > 0 {
		body["watch"] = policy
	}
	return body
}

// How long a waiting command retries while no guardian answers. A standby takes over within
// seconds and an upgrade takes a minute. Announcing gives up earlier, so that a wrong address
// is noticed while somebody still looks at the pipeline.
const (
	announceRetries = time.Minute
	startRetries    = 15 * time.Second // a guardian that does not answer must not hold up a fix
	waitRetries     = 10 * time.Minute
)

func (f *watchFlags) run(ctx context.Context, s streams, args []string) error {
	all, until := ctx, time.Now().Add(time.Duration(f.waitTimeout))
	ctx, cancel := context.WithDeadlineCause(all, until, fmt.Errorf("no verdict within --wait-timeout %s", f.waitTimeout))
	defer cancel()
	api := newClient(f.server)
	var c *command
	if f.exec {
		var err error
		if c, err = newCommand(args); err != nil {
			return err
		}
		defer c.end()
	}
	if f.gate {
		if err := f.mayDeploy(ctx, s, api); err != nil {
			if status := c.interrupted(ctx); status != 0 {
				return exit(status, "interrupted before the command began: nothing was deployed")
			}
			return err
		}
	}
	w, raw, err := f.tell(ctx, s, api, c)
	if err != nil {
		return err
	}
	if f.output == "text" {
		// Without --wait this is the result; with it, progress.
		if !f.wait {
			_, err := fmt.Fprintf(s.out, "watching %s %s until %s\n%s\n", f.service, f.version, timeOf(w.Deadline), w.URL)
			return err
		}
		_, _ = fmt.Fprintf(s.err, "watching %s %s until %s: %s\n", f.service, f.version, timeOf(w.Deadline), w.URL)
	}
	if f.wait {
		if raw, err = waitForVerdict(ctx, s, api, &w); err != nil {
			return exit(exitUsage, "%s", err)
		}
	}
	var unknown error
	if f.cured && w.State == "failed" && w.Rollback != nil {
		cure, cancel := context.WithDeadlineCause(all, until, fmt.Errorf("it had not ended within --wait-timeout %s", f.waitTimeout))
		defer cancel()
		raw, unknown = waitForCure(cure, s, api, &w, raw)
	}
	if err := f.print(s, w, raw); err != nil || !f.wait {
		return err
	}
	if unknown != nil { // after the verdict that it belongs to
		_, _ = fmt.Fprintf(s.err, "how rollback %s ended is not known: %s\n", w.Rollback.ID, unknown)
	}
	return verdictExit(w.State)
}

// timeOf shows a time of an answer to a person; what is no time stays as it is.
func timeOf(answered string) string {
	t, err := time.Parse(time.RFC3339Nano, answered)
	if err != nil {
		return answered
	}
	return shownTime(t)
}

// shownTime shows a time in UTC, as the reasons in an answer do.
func shownTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// tell announces the deploy and, with --exec, deploys.
func (f *watchFlags) tell(ctx context.Context, s streams, api *client, c *command) (watchAnswer, []byte, error) {
	if c != nil {
		return f.deploy(ctx, s, api, c)
	}
	limit := time.Duration(0)
	if f.wait {
		limit = announceRetries
	}
	w, raw, _, err := f.announce(ctx, s, api, limit)
	if err != nil {
		return w, raw, exit(exitUsage, "%s", err)
	}
	return w, raw, nil
}

// mayDeploy asks the gate, before anything is deployed or announced.
func (f *watchFlags) mayDeploy(ctx context.Context, s streams, api *client) error {
	gate, _, err := askGate(ctx, api, f.service, f.environment)
	if err != nil {
		return exit(exitUsage, "%s", err)
	}
	if !gate.Open {
		gate.print(s.err)
		return exit(exitGateClosed, "the gate of %s is closed: %s was not announced", f.service, f.version)
	}
	return nil
}

// announce tells the guardian about the deploy, and gives also the deploy's ID. The idempotency
// key makes it safe to retry while another guardian takes over. A call that is repeated says how
// long ago the first one was: an age is right whatever the clock says.
func (f *watchFlags) announce(ctx context.Context, s streams, api *client, retries time.Duration) (watchAnswer, []byte, string, error) {
	var announced struct {
		Deploy struct{ ID string }
		Watch  watchAnswer `json:"watch"`
		Gate   gateAnswer  `json:"gate"`
		// Warnings are what cannot work about the deploy.
		Warnings []string `json:"warnings"`
	}
	var raw []byte
	first := f.tried
	err := retry{limit: retries, log: s.err}.do(ctx, func() (err error) {
		body := f.body()
		if first.IsZero() {
			first = time.Now()
		} else {
			body["first_tried"] = time.Since(first).Round(time.Millisecond).String()
		}
		if f.at != "" {
			body["clock"] = time.Now().Format(time.RFC3339Nano)
		}
		raw, err = api.send(ctx, request{
			method: http.MethodPost, path: "/api/v1/deploys", headers: map[string]string{"Idempotency-Key": f.key}, body: body,
		}, &announced)
		return err
	})
	if err == nil && !announced.Gate.Open {
		// A guardian from before gates were answered here says nothing of them.
		announced.Gate.print(s.err)
	}
	for _, w := range announced.Warnings {
		_, _ = fmt.Fprintln(s.err, "warning: "+w)
	}
	return announced.Watch, raw, announced.Deploy.ID, err
}

// waitForVerdict asks for the watch until it has ended, and returns the last answer.
func waitForVerdict(ctx context.Context, s streams, api *client, w *watchAnswer) (raw []byte, err error) {
	path := "/api/v1/watches/" + url.PathEscape(w.ID) + "?wait=60s"
	for asked := false; !asked || w.State == "watching"; asked = true {
		err := retry{limit: waitRetries, log: s.err}.do(ctx, func() (err error) {
			raw, err = api.get(ctx, path, w)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// waitForCure asks for the rollback of a failed deploy until it has ended, and returns the watch as
// it stands then. What goes wrong changes nothing about the verdict: it is printed with the state
// that is known.
func waitForCure(ctx context.Context, s streams, api *client, w *watchAnswer, raw []byte) ([]byte, error) {
	f := runFlags{server: api.server, wait: true}
	run := runAnswer{ID: w.Rollback.ID, State: w.Rollback.State}
	_, err := f.await(ctx, s, nil, &run)
	if err == nil {
		err = retry{limit: waitRetries, log: s.err}.do(ctx, func() error {
			now, err := api.get(ctx, "/api/v1/watches/"+url.PathEscape(w.ID), w)
			if err == nil {
				raw = now
			}
			return err
		})
	}
	return raw, err
}

// waitFlag is the value of --wait: without a value it is "verdict".
type waitFlag struct{ f *watchFlags }

// Set implements pflag.Value.
func (w waitFlag) Set(value string) error {
	switch value {
	case "verdict", "true":
		w.f.wait, w.f.cured = true, false
	case "cured":
		w.f.wait, w.f.cured = true, true
	case "false":
		w.f.wait, w.f.cured = false, false
	default:
		return fmt.Errorf("%q is not one of verdict, cured", value)
	}
	return nil
}

// String implements pflag.Value.
func (w waitFlag) String() string {
	switch {
	case w.f == nil || !w.f.wait:
		return "false"
	case w.f.cured:
		return "cured"
	default:
		return "verdict"
	}
}

// Type implements pflag.Value.
func (w waitFlag) Type() string { return "verdict|cured" }

// print writes the result: the API's answer, or the verdict in a line.
func (f *watchFlags) print(s streams, w watchAnswer, raw []byte) error {
	if f.output == "json" {
		_, err := s.out.Write(raw)
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s: %s\n", w.State, w.Reason)
	if next := w.follows(); next != "" {
		if f.cured && w.Rollback != nil && w.Rollback.Reason != "" {
			next += " (" + w.Rollback.Reason + ")"
		}
		_, _ = fmt.Fprintln(s.out, next)
	}
	return err
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
		return exit(exitUsage, "the guardian answered with an unknown watch state: %s", state)
	}
}
