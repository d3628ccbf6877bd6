package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/spelling"
	"guardian/probes"
	"guardian/probes/sample"
)

// explained is the result of one look with everything that explains it.
type explained struct {
	Check       string             `json:"check"`
	Kind        string             `json:"kind"`
	Service     string             `json:"service"`
	Seconds     float64            `json:"seconds"`
	Observation sample.Observation `json:"observation"`
	Assertions  []probes.Assertion `json:"assertions,omitempty"`
	CountsAs    []string           `json:"counts_as"`
	Settings    map[string]string  `json:"settings"`
	Left        []string           `json:"not_cleaned_up,omitempty"` // the order that --push pushed, if it may still be there

	order []config.ShownSetting
}

func probeCommand(s streams) *cobra.Command {
	var file, output string
	var push bool
	c := &cobra.Command{
		Use:   "probe CHECK",
		Short: "Run a check once and explain the result: exit 0 up, 1 down, 3 unknown",
		Long: "Runs a check of a configuration once from this machine. Prints its settings without secrets, the duration of\n" +
			"each phase, each assertion, and how the running guardian would count the result. Nothing is recorded.\n\n" +
			"A check of kind order_push pushes an order only with --push: one, which is cleaned up before the command ends.\n" +
			"What could not be cleaned up is named, and the exit code is 1.",
		Example: "  guardian probe storefront --config guardian.yaml\n  guardian probe push-shopee-sg --push",
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
			ch, ok := conf.Check(args[0])
			if !ok {
				known := names(conf.Checks, func(k config.Check) string { return k.Name })
				return exit(exitUsage, "there is no check %q; %s", args[0], spelling.Hint(args[0], known))
			}
			if _, orders := ch.Settings.(*probes.OrderPushSettings); push && !orders {
				return exit(exitUsage, "--push is for checks of kind order_push; %s is of kind %s", ch.Name, ch.Kind)
			}
			var pushed *onceOrders
			if push {
				pushed = &onceOrders{}
			}
			e, err := explain(c.Context(), conf, ch, looking{r, pushed})
			if err != nil {
				return err
			}
			if output == "json" {
				err = printJSON(s.out, e)
			} else {
				err = e.print(s.out)
			}
			if err != nil {
				return err
			}
			if len(e.Left) > 0 {
				return exit(exitFailed, "")
			}
			switch e.Observation.Health {
			case sample.Up:
				return nil
			case sample.Down:
				return exit(exitFailed, "")
			case sample.Unknown:
			}
			return exit(exitInconclusive, "")
		},
	}
	configFlag(c, &file)
	outputFlag(c, &output)
	c.Flags().BoolVar(&push, "push", false, "push one synthetic order, look it up, and clean it up")
	return c
}

// looking is what a look from the shell is made with.
type looking struct {
	redactor *secret.Redactor
	pushed   *onceOrders // the journal of an order that may be pushed; nil: none may
}

// explain runs a check once, with its retries.
func explain(ctx context.Context, conf *config.Config, ch *config.Check, with looking) (explained, error) {
	var journal probes.OrderJournal = noOrders{}
	r, pushed := with.redactor, with.pushed
	if pushed != nil {
		journal = pushed
	}
	probe, err := probes.Builtin()[ch.Kind].Build(ch.Settings, probes.Env{
		Check: ch.Name, Service: ch.Service, Labels: ch.Labels, Every: time.Duration(ch.Every), Timeout: time.Duration(ch.Timeout), Log: slog.New(slog.DiscardHandler),
		Redactor: r, Orders: journal, Now: time.Now, UserAgent: "guardian/" + versionOf(),
		Heartbeats: func(context.Context, string) (probes.Heartbeat, bool, error) {
			return probes.Heartbeat{}, false, errors.New("only the running guardian knows heartbeats; see its pages")
		},
		Compare: func(context.Context, string) (probes.Comparison, error) {
			return probes.Comparison{}, errors.New("only the running guardian knows what should run; see its pages, or guardian check --targets")
		},
	})
	if err != nil {
		return explained{}, exit(exitUsage, "%s", r.Redact(err.Error()))
	}
	if closer, ok := probe.(probes.Closer); ok {
		defer closer.Close()
	}
	e := explained{Check: ch.Name, Kind: ch.Kind, Service: ch.Service, Settings: map[string]string{}}
	look := probe.Look
	if x, ok := probe.(probes.Explainer); ok {
		look = func(ctx context.Context) (o sample.Observation) {
			o, e.Assertions = x.Explain(ctx)
			return o
		}
	}
	limited, cancel := context.WithTimeout(ctx, time.Duration(ch.Timeout))
	defer cancel()
	began := time.Now()
	e.Observation, _ = ch.Retry.Do(limited, look)
	e.Seconds = time.Since(began).Seconds()
	e.Observation.Reason, e.Observation.Detail = e.Observation.Reason.Redact(r.Redact), r.Redact(e.Observation.Detail)
	if pushed != nil {
		pushed.cleanUp(ctx, probe)
		e.Left = pushed.left(r)
	}
	e.CountsAs = countsAs(conf, ch, e.Observation.Health)
	e.order = append(frameOf(ch), config.Shown(ch.Settings)...)
	for i := range e.order {
		e.order[i].Value = r.Redact(e.order[i].Value)
		e.Settings[e.order[i].Key] = e.order[i].Value
	}
	return e, nil
}

// frameOf returns the settings that checks of all kinds have, with defaults filled in.
func frameOf(ch *config.Check) []config.ShownSetting {
	all := []config.ShownSetting{{Key: "service", Value: ch.Service}, {Key: "every", Value: ch.Every.String()}, {Key: "timeout", Value: ch.Timeout.String()}}
	if ch.Cron.IsSet() {
		all = append(all, config.ShownSetting{Key: "cron", Value: ch.Cron.String()})
	}
	for _, part := range []struct {
		key   string
		value any
	}{{"labels", ch.Labels}, {"retry", ch.Retry}, {"recheck", ch.Recheck}} {
		for _, line := range config.Shown(part.value) {
			all = append(all, config.ShownSetting{Key: part.key + "." + line.Key, Value: line.Value})
		}
	}
	return append(all, config.ShownSetting{Key: "network_path", Value: ch.NetworkPath})
}

// countsAs says how the running guardian would count such a result.
func countsAs(conf *config.Config, ch *config.Check, h sample.Health) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if h == sample.Unknown {
		add("blind: neither up nor down; it changes no alert and rolls nothing back; people are notified after %s", ch.BlindAfter)
		return all
	}
	if ch.Control {
		add("a control of the network path %s: while no control answers, checks of that path that are down count as unknown", ch.NetworkPath)
	}
	if h == sample.Down && !ch.Control {
		var controls []string
		for _, k := range conf.Checks {
			if k.Control && k.NetworkPath == ch.NetworkPath {
				controls = append(controls, k.Name)
			}
		}
		if len(controls) > 0 {
			add("a failure, provided that a control of the network path %s answers: %s", ch.NetworkPath, strings.Join(controls, ", "))
		}
	}
	word := map[sample.Health]string{sample.Up: "a success", sample.Down: "a failure"}[h]
	if ch.Watch {
		add("%s in the watches of %s; its normal failure rate is %.2g %%", word, ch.Service, 100*float64(ch.FailureRate))
	} else {
		add("nothing in watches (watch: false): no deploy is judged by it")
	}
	if ch.CountsForSLA {
		add("%s time of %s in the SLA report, until the next look", h, ch.Service)
	} else {
		add("nothing in the SLA report (counts_for_sla: false)")
	}
	if h == sample.Down && ch.Recheck.Interval > 0 {
		add("the beginning of rechecks: looks each %s until it is up again, for at most %s", ch.Recheck.Interval, ch.Recheck.For)
	}
	return all
}

// print writes the explanation for a person.
func (e explained) print(out io.Writer) error {
	var b strings.Builder
	o := e.Observation
	fmt.Fprintf(&b, "%s is %s after %s\n", e.Check, o.Health, time.Duration(e.Seconds*float64(time.Second)).Round(time.Millisecond))
	if !o.Reason.IsZero() {
		fmt.Fprintf(&b, "  %s\n", o.Reason)
	}
	if o.Version != "" {
		fmt.Fprintf(&b, "  version %s answered\n", o.Version)
	}
	if len(o.Values) > 0 {
		b.WriteString("\nMeasured\n")
	}
	for _, v := range o.Values {
		fmt.Fprintf(&b, "  %s%s %v\n", v.Name, labelText(v.Labels), v.V)
	}
	if len(e.Assertions) > 0 {
		b.WriteString("\nAssertions\n")
	}
	for _, a := range e.Assertions {
		if a.Held {
			fmt.Fprintf(&b, "  ok    %s\n", a.Text)
		} else {
			fmt.Fprintf(&b, "  FAIL  %s: %s\n", a.Text, a.Saw)
		}
	}
	if len(e.Left) > 0 {
		b.WriteString("\nNot cleaned up: look for it and remove it by hand, as nobody does later\n")
	}
	for _, line := range e.Left {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\nCounts as\n")
	for _, line := range e.CountsAs {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\nSettings\n")
	for _, s := range e.order {
		fmt.Fprintf(&b, "  %s: %s\n", s.Key, s.Value)
	}
	if o.Detail != "" {
		fmt.Fprintf(&b, "\n%s\n", o.Detail)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	b, err := json.Marshal(labels)
	if err != nil {
		return ""
	}
	return string(b)
}
