package importer_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"guardian/internal/importer"
	"guardian/notifiers/route"
	"guardian/test/program"
)

var update = flag.Bool("update", false, "write golden files anew")

// converted is what was made of a configuration, as far as it decides who is told.
type converted struct {
	importer.Result
	tree *route.Tree
}

func convert(t *testing.T, content string) converted {
	t.Helper()
	made, err := importer.Alertmanager([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Receivers []map[string]any `yaml:"receivers"`
		Routes    route.Node       `yaml:"routes"`
		Intervals []route.Interval `yaml:"time_intervals"`
	}
	if err := yaml.Unmarshal(made.Config, &out); err != nil {
		t.Fatalf("%v\n%s", err, made.Config)
	}
	var names []string
	for _, r := range out.Receivers {
		names = append(names, fmt.Sprint(r["name"]))
	}
	tree, err := route.New(out.Routes, names, out.Intervals)
	if err != nil {
		t.Fatalf("%v\n%s", err, made.Config)
	}
	return converted{made, tree}
}

// receivers gives the receivers of Alertmanager that an alert goes to.
func (c converted) receivers(t *testing.T, labels map[string]string) []string {
	t.Helper()
	var all []string
	got := map[string]int{}
	for _, target := range c.tree.Match(labels) {
		got[target.Receiver]++
	}
	for there, here := range c.Receivers {
		times := got[here[0]]
		for _, name := range here {
			if got[name] != times {
				t.Errorf("%v: %s gets it %d times, %s %d times", labels, here[0], times, name, got[name])
			}
		}
		all = append(all, slices.Repeat([]string{there}, times)...)
	}
	slices.Sort(all)
	return all
}

// labelSets are alerts, and the receivers that `amtool config routes test` names for them.
func labelSets() map[string]string {
	return map[string]string{
		"":                                                  "team",
		"alertname=Watchdog severity=critical":              "null",
		"severity=critical":                                 "on call",
		"severity=page environment=production":              "on call",
		"severity=critical environment=dev":                 "team",
		"severity=critical service=orders":                  "orders,orders",
		"severity=page service=orders environment=test":     "orders",
		"severity=critical service=price-sync":              "on call,orders",
		"severity=critical service=order-sync owner=订单":     "on call,orders",
		"service=order-sync severity=info":                  "log",
		"service=order-sync severity=warning":               "orders",
		"service=price-sync-2":                              "team",
		"service=price-sync owner=订单":                       "orders",
		"site=sg note=a␣b,␣c":                               "log",
		"site=sg":                                           "team",
		"site=my note=a␣b,␣c region=eu":                     "team",
		"site=my note=a␣b,␣c severity=critical":             "log,on call",
		"site=th note=a␣b,␣c":                               "team",
		"site=sg note=a␣b,␣c service=orders severity=error": "orders",
		"alertname=Watchdog2":                               "team",
	}
}

func parse(set string) (labels map[string]string, args []string) {
	labels = map[string]string{}
	for one := range strings.FieldsSeq(set) {
		name, value, _ := strings.Cut(strings.ReplaceAll(one, "␣", " "), "=")
		labels[name] = value
		args = append(args, fmt.Sprintf("%s=%q", name, value))
	}
	return labels, args
}

func TestRoutesLeadWhereAlertmanagersDo(t *testing.T) {
	const file = "testdata/alertmanager.yml"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := convert(t, string(content))
	for set, want := range labelSets() {
		labels, _ := parse(set)
		if got := strings.Join(c.receivers(t, labels), ","); got != want {
			t.Errorf("%s: goes to %s, want %s", set, got, want)
		}
	}
}

// The table above is what Alertmanager itself says.
func TestTheTableOfLabelSetsIsAmtools(t *testing.T) {
	const file = "testdata/alertmanager.yml"
	for set, want := range labelSets() {
		_, args := parse(set)
		cmd := exec.CommandContext(t.Context(), program.Installed(t, "amtool", "prometheus-alertmanager"), append([]string{"config", "routes", "test", "--config.file", file}, args...)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, errs.String())
		}
		got := strings.Split(strings.TrimSpace(out.String()), ",")
		slices.Sort(got)
		if diff := cmp.Diff(want, strings.Join(got, ",")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", set, diff)
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not current (go test -update; look at the diff):\n%s", path, diff)
	}
}

// Each configuration in testdata is converted into the file beside it, with its notes.
func TestConversions(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		made, err := importer.Alertmanager(content)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var b bytes.Buffer
		b.Write(made.Config)
		b.WriteString("---\n")
		for _, n := range made.Notes {
			fmt.Fprintf(&b, "%d: %s\n", n.Line, n)
		}
		golden(t, strings.TrimSuffix(file, ".yml")+".golden", b.Bytes())
	}
}

// What the tree leaves to Alertmanager's defaults stays as it was there.
func TestAlertmanagersDefaultsStay(t *testing.T) {
	c := convert(t, "route: {receiver: a}\nreceivers: [{name: a}]")
	target := c.tree.Match(map[string]string{"tier": "critical"})[0]
	interval, stated := target.GroupInterval("critical")
	if target.GroupWait("critical").String() != "30s" || interval.String() != "5m0s" || !stated || target.RepeatInterval != route.DefaultRepeat ||
		len(target.Group(map[string]string{"service": "x", "tier": "critical"}).Labels) != 0 {
		t.Errorf("got %+v", target)
	}
}

func TestReceiversWithSeveralIntegrations(t *testing.T) {
	c := convert(t, `
route:
  receiver: both
  routes:
    - matchers: [a="1"]
      mute_time_intervals: [nights]
    - matchers: [a="2"]
      receiver: one
      routes: [{matchers: [b="1"], receiver: both, mute_time_intervals: [nights]}]
    - {matchers: [a="3"], receiver: one, continue: true}
time_intervals: [{name: nights, time_intervals: [{times: [{start_time: "00:00", end_time: "24:00"}]}]}]
receivers:
  - {name: both, webhook_configs: [{url: "http://a"}, {url: "http://b"}], slack_configs: [{api_url: "http://c"}]}
  - {name: one, webhook_configs: [{url: "http://d"}]}
`)
	if want := []string{"both-webhook", "both-webhook-2", "both-slack"}; !slices.Equal(c.Receivers["both"], want) {
		t.Errorf("receivers %v", c.Receivers)
	}
	for set, want := range map[string]string{"": "both", "a=1": "both", "a=2": "one", "a=2 b=1": "both", "a=3": "one"} {
		labels, _ := parse(set)
		if got := strings.Join(c.receivers(t, labels), ","); got != want {
			t.Errorf("%s: goes to %s, want %s", set, got, want)
		}
		for _, target := range c.tree.Match(labels) {
			if muted := want == "both" && set != ""; target.Quiet(time.Unix(0, 0)) != muted {
				t.Errorf("%s: %s is quiet: %v", set, target.Receiver, !muted)
			}
		}
	}
}

func TestWhatIsNoAlertmanagerConfiguration(t *testing.T) {
	for content, want := range map[string]string{
		"":                  "no mapping at the top",
		"[a]":               "no mapping at the top",
		"groups: []":        "there is no route",
		"route: {":          "yaml:",
		"a: &a {<<: *a}":    "there is no route",
		"route: {x: 1}":     "", // notes say what is wrong
		"route: [1, {a: b}": "yaml:",
	} {
		_, err := importer.Alertmanager([]byte(content))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

func FuzzAlertmanager(f *testing.F) {
	content, err := os.ReadFile("testdata/alertmanager.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte("route: &r {receiver: a, routes: [*r]}"))
	f.Add([]byte("route: {<<: [{receiver: a}, {group_by: []}]}\nreceivers: [a, {name: [x]}, {slack_configs: 1}]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 10_000 {
			return
		}
		_, _ = importer.Alertmanager(content)
	})
}
