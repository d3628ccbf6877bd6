package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"guardian/decide"
	"guardian/internal/secret"
	"guardian/internal/spelling"
	"guardian/rules"
)

// routed is one route that an alert takes.
type routed struct {
	Receiver string            `json:"receiver"`
	Route    string            `json:"route"`
	Group    map[string]string `json:"group"`
	Wait     string            `json:"group_wait"`
	Interval string            `json:"group_interval"`
	Repeat   string            `json:"repeat_interval"`
	Quiet    bool              `json:"quiet"` // now, by time intervals
}

func testRoutesCommand(s streams) *cobra.Command {
	var file, output, expect string
	c := &cobra.Command{
		Use:   "routes LABEL=VALUE...",
		Short: "Show which receivers get an alert with these labels",
		Long: `Shows which routes of a configuration an alert with these labels takes, as "amtool config
routes test" does: the receivers, what is told together, and when.`,
		Example: "  guardian test routes --config guardian.yaml --expect oncall tier=critical service=order-sync",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			labels := map[string]string{}
			for _, arg := range args {
				name, value, ok := strings.Cut(arg, "=")
				if !ok || name == "" {
					return exit(exitUsage, "%q is not a label such as tier=critical", arg)
				}
				labels[name] = value
			}
			all, known, err := routesOf(file, labels)
			if err != nil {
				return err
			}
			got := names(all, func(r routed) string { return r.Receiver })
			if err := printResult(s.out, output, all, routesText(all)); err != nil {
				return err
			}
			if want := strings.FieldsFunc(expect, func(r rune) bool { return r == ',' }); expect != "" && !slices.Equal(want, got) {
				texts := []string{fmt.Sprintf("expected %s, got %s", expect, strings.Join(got, ","))}
				for _, name := range slices.DeleteFunc(want, func(name string) bool { return slices.Contains(known, name) }) {
					texts = append(texts, fmt.Sprintf("there is no receiver %q: %s", name, spelling.Hint(name, known)))
				}
				return exit(exitFailed, "%s", strings.Join(texts, "; "))
			}
			return nil
		},
	}
	c.Flags().StringVar(&expect, "expect", "", "the receivers that must get it, separated by commas; exits 1 when others do")
	configFlag(c, &file)
	outputFlag(c, &output)
	return c
}

// routesOf gives the routes that an alert takes, and the names of all receivers.
func routesOf(file string, labels map[string]string) (all []routed, receivers []string, err error) {
	c, err := loadFor(file, &secret.Redactor{})
	if err != nil {
		return nil, nil, err
	}
	settings, err := c.Decisions()
	if err != nil {
		return nil, nil, err
	}
	if settings.Routes == nil {
		return nil, nil, exit(exitFailed, "%s has no receivers", file)
	}
	// As if another program had sent it: its tier may follow from severity.
	sent, _, refused := rules.StepSent(nil, []rules.Sent{{Labels: labels}}, time.Now())
	if len(sent) == 0 {
		return nil, nil, exit(exitUsage, "these labels are none of an alert: %s", errors.Join(refused...))
	}
	labels, tier := decide.AlertLabels(sent[0]), string(sent[0].Tier)
	all = []routed{}
	for _, t := range settings.Routes.Match(labels) {
		interval, _ := t.GroupInterval(tier)
		all = append(all, routed{
			Receiver: t.Receiver, Route: t.Route, Group: t.Group(labels).Labels, Quiet: t.Quiet(time.Now()),
			Wait: model.Duration(t.GroupWait(tier)).String(), Interval: model.Duration(interval).String(), Repeat: model.Duration(t.RepeatInterval).String(),
		})
	}
	return all, receiverNames(c), nil
}

func routesText(all []routed) string {
	var b strings.Builder
	for _, r := range all {
		set := model.LabelSet{}
		for name, value := range r.Group {
			set[model.LabelName(name)] = model.LabelValue(value)
		}
		fmt.Fprintf(&b, "%s  route %s, group %s, group_wait %s, group_interval %s, repeat_interval %s", r.Receiver, r.Route, set, r.Wait, r.Interval, r.Repeat)
		if r.Quiet {
			b.WriteString(", quiet now")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
