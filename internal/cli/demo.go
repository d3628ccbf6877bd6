package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/demo"
	"guardian/internal/secret"
)

func demoShopCommand(s streams) *cobra.Command {
	var o demo.ShopOptions
	c := &cobra.Command{
		Use: "demo-shop", Hidden: true, Short: "Run one version of the demo's shop", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return demo.RunShop(c.Context(), o, s.in) },
	}
	c.Flags().StringVar(&o.Version, "version", "v1", "the version")
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:0", "the address")
	c.Flags().StringVar(&o.Warehouse, "warehouse", "", "the warehouse's address")
	return c
}

func demoCommand(s streams) *cobra.Command {
	var output string
	var once bool
	before := model.Duration(demoQuiet)
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show a bad deploy being detected, reported, rolled back and verified, in a minute",
		Long: `Starts a small shop in version v1 and a guardian that watches it, deploys v2, which loses
one order in three, and prints what happens. It installs nothing and stays on this machine.
The pages stay up until Ctrl-C. With --once it ends by itself, and exits 0 only if
everything happened.`,
		Example: "  guardian demo\n  guardian demo --once --output json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			return runDemo(c.Context(), s, demoFlags{output, once, time.Duration(before)})
		},
	}
	c.Flags().BoolVar(&once, "once", false, "exit once everything happened")
	c.Flags().Var(&before, "before", "how long v1 is watched before v2 is deployed")
	outputFlag(c, &output)
	return c
}

// story prints what happens in the demo, as text for a person or as lines of JSON.
type story struct {
	mu    sync.Mutex
	out   io.Writer
	json  bool
	began time.Time
}

type storyLine struct {
	At      float64       `json:"at_seconds"`
	Event   string        `json:"event"`
	Text    string        `json:"text"`
	Message *demo.Message `json:"message,omitempty"`
}

func (st *story) tell(event, format string, args ...any) {
	st.write(storyLine{Event: event, Text: fmt.Sprintf(format, args...)})
}

func (st *story) write(l storyLine) {
	st.mu.Lock()
	defer st.mu.Unlock()
	l.At = float64(time.Since(st.began).Milliseconds()) / 1000
	if st.json {
		_ = printJSON(st.out, l)
		return
	}
	if l.Message == nil {
		_, _ = fmt.Fprintf(st.out, "%6.1fs  %s\n", l.At, l.Text)
		return
	}
	m := l.Message
	_, _ = fmt.Fprintf(st.out, "%6.1fs  ┌─ %s ─ %s\n", l.At, m.Channel, m.Title)
	for line := range strings.SplitSeq(strings.TrimSpace(m.Text), "\n") {
		_, _ = fmt.Fprintf(st.out, "         │ %s\n", line)
	}
	for _, b := range m.Buttons {
		_, _ = fmt.Fprintf(st.out, "         │ [%s]\n", b)
	}
	_, _ = fmt.Fprintln(st.out, "         └─")
}

// The parts of the demo; together they take less than a minute.
const (
	demoQuiet    = 4 * time.Second  // of v1, before the deploy, unless --before says otherwise
	demoVerdict  = 30 * time.Second // at most, until the verdict
	demoCure     = 20 * time.Second // at most, until the rollback is verified
	demoDelivery = 5 * time.Second  // at most, until the last messages are delivered
	demoStop     = 10 * time.Second // at most, until the guardian has stopped
)

// demoFlags is the command line of guardian demo.
type demoFlags struct {
	output string
	once   bool
	before time.Duration // of v1, before the deploy
}

func runDemo(ctx context.Context, s streams, f demoFlags) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st := &story{out: s.out, json: f.output == "json", began: time.Now()}
	dir, err := os.MkdirTemp("", "guardian-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	w, err := newDemoWorld(ctx, st, dir)
	if err != nil {
		return err
	}
	defer w.deployer.Stop()
	a, err := w.guardian(ctx)
	if err != nil {
		return err
	}
	stop := func() error {
		stop, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), demoStop)
		defer cancelStop()
		return a.Stop(stop)
	}
	defer func() { err = errors.Join(err, stop()) }()
	st.tell("guardian", "guardian is up and pushes a synthetic order through the shop every second: %s/", a.URL())
	if ctxErr := pause(ctx, f.before); ctxErr != nil {
		return nil
	}
	sum, err := w.badDeploy(ctx, st, newClient(a.URL()))
	if ctx.Err() != nil {
		return nil // Ctrl-C: the reader has seen enough
	}
	if err != nil {
		return err
	}
	if !f.once {
		st.tell("pages", "open in a browser: %s/  %s/sla  %s  %s; Ctrl-C ends the demo", a.URL(), a.URL(), sum.watchURL, sum.runURL)
		<-ctx.Done()
		return nil
	}
	// What the guardian pushed last is on its way: it cleans that up while it stops.
	if err := stop(); err != nil {
		return err
	}
	sum.OrdersLeft = w.warehouse.Left()
	return w.finish(st, sum)
}

// demoWorld is everything around the guardian: a shop, its deployer, messengers.
type demoWorld struct {
	dir        string
	warehouse  *demo.Warehouse
	deployer   *demo.Deployer
	messengers *demo.Messengers
	places     demo.Places
}

func newDemoWorld(ctx context.Context, st *story, dir string) (*demoWorld, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("demo: find this program's file: %w", err)
	}
	w := &demoWorld{dir: dir, warehouse: &demo.Warehouse{}}
	warehouse, err := demo.Serve(ctx, w.warehouse.Handler())
	if err != nil {
		return nil, err
	}
	w.messengers = &demo.Messengers{Secret: "SECdemo", Received: func(m demo.Message) { st.write(storyLine{Event: "message", Text: m.Title, Message: &m}) }}
	messengers, err := demo.Serve(ctx, w.messengers.Handler())
	if err != nil {
		return nil, err
	}
	w.deployer = &demo.Deployer{
		Warehouse: warehouse,
		Deployed:  func(v string) { st.tell("shop", "the shop runs version %s", v) },
		Command: func(ctx context.Context, version, listen, warehouse string) *exec.Cmd {
			c := exec.CommandContext(ctx, self, "demo-shop", "--version", version, "--listen", listen, "--warehouse", warehouse)
			c.Stderr = os.Stderr
			return c
		},
	}
	deployer, err := demo.Serve(ctx, w.deployer.Handler())
	if err != nil {
		return nil, err
	}
	if err := w.deployer.Deploy(ctx, "v1"); err != nil {
		return nil, err
	}
	w.places = demo.Places{Shop: "http://" + w.deployer.Addr(), Warehouse: warehouse, Messengers: messengers, Deployer: deployer}
	return w, nil
}

// guardian starts a guardian with the demo's configuration.
func (w *demoWorld) guardian(ctx context.Context) (*app.App, error) {
	file, err := demo.WriteConfig(w.dir, w.places)
	if err != nil {
		return nil, err
	}
	redactor := &secret.Redactor{}
	a, err := app.New(ctx, app.Options{
		Load: func() (*config.Config, error) {
			return config.Load(file, config.Options{Redactor: redactor})
		},
		Redactor: redactor, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Version: versionOf(),
	})
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if err := a.Start(ctx); err != nil {
		return nil, errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
	}
	api := newClient(a.URL())
	ready, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		var status struct {
			Role string `json:"role"`
		}
		if _, err := api.get(ready, "/api/v1/status", &status); err == nil && status.Role == "active" {
			return a, nil
		}
		if err := pause(ready, 50*time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("demo: guardian did not come up: %w", err), a.Stop(context.WithoutCancel(ctx)))
		}
	}
}

// summary is the demo's last line.
type summary struct {
	Verdict       string         `json:"verdict"`
	Rollback      string         `json:"rollback"`
	FaultToDecide float64        `json:"fault_to_verdict_seconds"`
	DecideToStep  float64        `json:"verdict_to_first_step_seconds"`
	Messages      map[string]int `json:"messages"`
	Availability  float64        `json:"sla_availability"`
	OrdersLeft    int            `json:"synthetic_orders_left"`
	RunningNow    string         `json:"running_version"`

	reason, watchURL, runURL string
	decided                  time.Time
}

// badDeploy deploys v2 and follows the verdict, the rollback, the messages and the report.
func (w *demoWorld) badDeploy(ctx context.Context, st *story, api *client) (summary, error) {
	var sum summary
	st.tell("deploy", "v2 is deployed: it answers 201 to every order and loses one in three")
	if err := w.deployer.Deploy(ctx, "v2"); err != nil {
		return sum, err
	}
	fault := time.Now()
	var announced struct {
		Watch watchAnswer `json:"watch"`
	}
	_, err := api.send(ctx, request{
		method: http.MethodPost, path: "/api/v1/deploys", headers: map[string]string{"Idempotency-Key": "demo-v2"},
		body: map[string]any{"service": "order-sync", "version": "v2", "previous_version": "v1", "author": "demo"},
	}, &announced)
	if err != nil {
		return sum, fmt.Errorf("demo: announce the deploy: %w", err)
	}
	sum.watchURL = announced.Watch.URL
	st.tell("watch", "the deploy pipeline announced it; guardian watches: %s", sum.watchURL)
	rollback, err := sum.verdict(ctx, api, announced.Watch.ID)
	if err != nil {
		return sum, err
	}
	sum.FaultToDecide = round(sum.decided.Sub(fault))
	st.tell("verdict", "verdict after %.1f s: %s: %s", sum.FaultToDecide, sum.Verdict, sum.reason)
	if rollback == "" {
		return sum, exit(exitFailed, "demo: the verdict %s led to no rollback", sum.Verdict)
	}
	if err := sum.cure(ctx, st, api, rollback); err != nil {
		return sum, err
	}
	sum.RunningNow = w.deployer.Version()
	awaitDelivery(ctx, api)
	sum.Messages = map[string]int{"slack": w.messengers.Count("slack"), "dingtalk": w.messengers.Count("dingtalk")}
	return sum, sum.report(ctx, st, api)
}

// verdict waits for the verdict, and returns the rollback that it led to, "" for none.
func (sum *summary) verdict(ctx context.Context, api *client, watch string) (rollback string, err error) {
	var v struct {
		watchAnswer
		Ended time.Time `json:"ended"`
	}
	if err := poll(ctx, demoVerdict, func(ctx context.Context) (bool, error) {
		_, err := api.get(ctx, "/api/v1/watches/"+watch+"?wait=5s", &v)
		return v.State != "watching", err
	}); err != nil {
		return "", fmt.Errorf("demo: wait for the verdict: %w", err)
	}
	sum.Verdict, sum.reason, sum.decided = v.State, v.Reason, v.Ended
	if v.Rollback != nil {
		rollback = v.Rollback.ID
	}
	return rollback, nil
}

// cure waits until the rollback has ended.
func (sum *summary) cure(ctx context.Context, st *story, api *client, rollback string) error {
	var r struct {
		runAnswer
		Started time.Time `json:"started"`
	}
	if err := poll(ctx, demoCure, func(ctx context.Context) (bool, error) {
		_, err := api.get(ctx, "/api/v1/rollbacks/"+rollback+"?wait=5s", &r)
		return r.ended(), err
	}); err != nil {
		return fmt.Errorf("demo: wait for the rollback: %w", err)
	}
	sum.Rollback, sum.runURL = r.State, r.URL
	sum.DecideToStep = round(r.Started.Sub(sum.decided))
	st.tell("rollback", "rollback to %s: %s: %s", r.To, r.State, r.Reason)
	return nil
}

// awaitDelivery waits until no notice is queued, as long as the demo's time for it allows.
func awaitDelivery(ctx context.Context, api *client) {
	_ = poll(ctx, demoDelivery, func(ctx context.Context) (bool, error) {
		var status struct {
			Queued int `json:"notices_queued"`
		}
		_, err := api.get(ctx, "/api/v1/status", &status)
		if status.Queued > 0 {
			return false, pause(ctx, 100*time.Millisecond)
		}
		return true, err
	})
}

// report reads the SLA report.
func (sum *summary) report(ctx context.Context, st *story, api *client) error {
	var report struct {
		Services []struct {
			Availability struct {
				Value float64 `json:"value"`
			} `json:"availability"`
			Times struct {
				Down float64 `json:"down_seconds"`
			} `json:"times"`
		} `json:"services"`
	}
	if _, err := api.get(ctx, "/sla.json?service=order-sync", &report); err != nil {
		return fmt.Errorf("demo: read the report: %w", err)
	}
	if len(report.Services) == 1 {
		sum.Availability = report.Services[0].Availability.Value
		st.tell("sla", "SLA report: available %.2f %% of the time, down for %.1f s", 100*sum.Availability, report.Services[0].Times.Down)
	}
	return nil
}

// finish prints the summary, and fails unless everything happened.
func (w *demoWorld) finish(st *story, sum summary) error {
	var missing []string
	for what, happened := range map[string]bool{
		"a failed verdict":            sum.Verdict == "failed",
		"a rollback that cured it":    sum.Rollback == "cured",
		"v1 running again":            sum.RunningNow == "v1",
		"messages in Slack":           sum.Messages["slack"] > 0,
		"messages in DingTalk":        sum.Messages["dingtalk"] > 0,
		"an availability under 100 %": sum.Availability > 0 && sum.Availability < 1,
		"no synthetic order left":     sum.OrdersLeft == 0,
	} {
		if !happened {
			missing = append(missing, what)
		}
	}
	b, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	if st.json {
		_, _ = fmt.Fprintln(st.out, string(b))
	} else {
		_, _ = fmt.Fprintf(st.out, "\n%s\n", b)
	}
	if len(missing) > 0 {
		return exit(exitFailed, "demo: missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// poll calls ask until it is done or the time is over.
func poll(ctx context.Context, most time.Duration, ask func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		done, err := ask(ctx)
		if done || (err != nil && ctx.Err() == nil) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not within %s: %w", most, ctx.Err())
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func round(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
