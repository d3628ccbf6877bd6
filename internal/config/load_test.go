package config_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"guardian/configs"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/probes"
	"guardian/watch"
)

// examples copies the shipped examples into a folder, with the files that full.yaml names.
func examples(tb testing.TB) (folder string) {
	tb.Helper()
	folder = tb.TempDir()
	if err := os.CopyFS(folder, configs.FS); err != nil {
		tb.Fatal(err)
	}
	write(tb, filepath.Join(folder, "secrets", "prometheus-token"), "file-secret-5791\n")
	// A test server's certificate is as good as any.
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	own := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}))
	for _, name := range []string{"known_hosts", "id_ed25519", "ssh/known_hosts", "ssh/id_ed25519"} {
		write(tb, filepath.Join(folder, filepath.FromSlash(name)), "")
		write(tb, filepath.Join(folder, "runbooks", filepath.FromSlash(name)), "")
	}
	write(tb, filepath.Join(folder, "tls", "ca.pem"), certificate)
	write(tb, filepath.Join(folder, "tls", "client.pem"), certificate)
	write(tb, filepath.Join(folder, "tls", "client.key"), "key")
	write(tb, filepath.Join(folder, "tls", "guardian.crt"), certificate)
	write(tb, filepath.Join(folder, "tls", "guardian.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	return folder
}

func write(tb testing.TB, path, content string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// exampleEnvironment gives each variable a secret of its own that tests can look for.
func exampleEnvironment(name string) (string, bool) {
	switch name {
	case "DINGTALK_WEBHOOK":
		return "https://oapi.dingtalk.com/robot/send?access_token=env-secret-dingtalk", true
	case "DINGTALK_WEBHOOK_2":
		return "https://oapi.dingtalk.com/robot/send?access_token=env-secret-dingtalk-2", true
	case "WECOM_WEBHOOK":
		return "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=env-secret-wecom", true
	case "FEISHU_WEBHOOK":
		return "https://open.feishu.cn/open-apis/bot/v2/hook/env-secret-feishu", true
	case "SLACK_WEBHOOK":
		return "https://hooks.slack.com/services/T1/B1/env-secret-slack", true
	case "TEAM_CALENDAR":
		return "https://calendar.google.com/calendar/ical/env-secret-calendar/basic.ics", true
	case "HEARTBEAT_URL":
		return "https://hc-ping.com/env-secret-heartbeat", true
	default:
		return "env-secret-" + strings.ToLower(name), true
	}
}

func load(tb testing.TB, text string) (*config.Config, error) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "guardian.yaml")
	write(tb, path, text)
	return config.Load(path, config.Options{LookupEnv: environment})
}

func mustLoad(tb testing.TB, text string) *config.Config {
	tb.Helper()
	c, err := load(tb, text)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestExamplesLoad(t *testing.T) {
	folder := examples(t)
	for _, name := range []string{"minimal.yaml", "full.yaml"} {
		c, err := config.Load(filepath.Join(folder, name), config.Options{LookupEnv: exampleEnvironment})
		if err != nil {
			t.Errorf("%s:\n%v", name, err)
		} else if len(c.Warnings) > 0 {
			t.Errorf("%s cannot work:\n%v", name, c.Warnings)
		}
	}
}

func TestMinimalNeedsNoEnvironmentAndHasDefaults(t *testing.T) {
	nothing := func(string) (string, bool) { return "", false }
	c, err := config.Load(filepath.Join(examples(t), "minimal.yaml"), config.Options{LookupEnv: nothing})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Listen != "127.0.0.1:9440" || c.Server.ExternalURL != "http://127.0.0.1:9440" || !filepath.IsAbs(c.Storage.Path) {
		t.Errorf("server %+v, storage %+v", c.Server, c.Storage)
	}
	check, ok := c.Check("storefront")
	if !ok || check.Kind != "http" || time.Duration(check.Every) != 15*time.Second || time.Duration(check.Timeout) != 10*time.Second ||
		!check.Watch || !check.CountsForSLA || check.Weight != 1 || check.FailureRate != 0.01 {
		t.Errorf("check %+v", check)
	}
	if settings, ok := check.Settings.(*probes.HTTPSettings); !ok || settings.URL != "http://127.0.0.1:9440/-/healthy" {
		t.Errorf("settings %+v", check.Settings)
	}
	service, ok := c.Service("order-sync")
	if !ok || service.Environment != "production" || service.Objective.Availability.String() != "99.9%" ||
		service.Watch.Policy() != watch.DefaultSettings().Policy() {
		t.Errorf("service %+v", service)
	}
	if len(c.Groups) != 1 || len(c.RuleFiles) != 1 {
		t.Errorf("%d groups of %d files", len(c.Groups), len(c.RuleFiles))
	}
}

// Values from the environment, from files and of secret keys are never printed.
func TestNoSecretPrints(t *testing.T) {
	redactor := &secret.Redactor{}
	c, err := config.Load(filepath.Join(examples(t), "full.yaml"), config.Options{LookupEnv: exampleEnvironment, Redactor: redactor})
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("loaded", "config", c, "value", *c)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("loaded", "config", c, "value", *c)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	// Parts of the configuration neither, except for text in ordinary fields, which the
	// redactor knows.
	parts := redactor.Redact(fmt.Sprintf("%v %+v %#v %v", c.Tokens, c.Tokens, c.Storage, c.Receivers))
	var settings strings.Builder
	for _, check := range c.Checks {
		settings.WriteString(redactor.Redact(fmt.Sprintf("%+v %#v", check.Settings, check.Settings)))
	}
	outputs := map[string]string{
		"%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", c), "%#v": fmt.Sprintf("%#v", c), "%s of the value": fmt.Sprintf("%s", *c),
		"json": string(asJSON), "yaml": string(asYAML), "slog": logged.String(), "parts": parts, "settings": settings.String(),
	}
	for how, text := range outputs {
		if strings.Contains(text, "env-secret") || strings.Contains(text, "file-secret") {
			t.Errorf("%s prints a secret: %s", how, text)
		}
		if text == "" {
			t.Errorf("%s prints nothing", how)
		}
	}
}

func TestValuesComeFromEnvironmentAndFiles(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "dsn"), "postgres://guardian:pa55word@db/guardian\r\n\n")
	write(t, filepath.Join(folder, "guardian.yaml"), `
storage: {postgres: "${file:dsn}"}
server: {limits: {series: "${env:SERIES}"}, external_url: "https://${env:HOST}/$${x}"}
`)
	redactor := &secret.Redactor{}
	c, err := config.Load(filepath.Join(folder, "guardian.yaml"), config.Options{Redactor: redactor, LookupEnv: func(name string) (string, bool) {
		value, ok := map[string]string{"SERIES": "5000", "HOST": "guardian.internal"}[name]
		return value, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Storage.Postgres.Reveal(); got != "postgres://guardian:pa55word@db/guardian" {
		t.Errorf("postgres is %q", got)
	}
	if c.Server.Limits.Series != 5000 || c.Server.ExternalURL != "https://guardian.internal/${x}" {
		t.Errorf("server %+v", c.Server)
	}
	if got := redactor.Redact("dial postgres://guardian:pa55word@db/guardian: refused; 5000"); strings.Contains(got, "pa55word") || !strings.Contains(got, "5000") {
		t.Errorf("redacted: %s", got)
	}
}

// Errors of libraries may quote values, but not values from the environment or files.
func TestMistakesHideWhatCameFromOutside(t *testing.T) {
	for _, text := range []string{
		`server: {listen: "${env:TOKEN}"}`,
		`server: {external_url: "${env:TOKEN}", timezone: "${env:TOKEN}"}`,
		`services: [{name: "${env:TOKEN}", rollback: "${env:TOKEN}"}]`,
		`rules: ["${env:TOKEN}"]`,
		`services: [{name: a}]
checks: [{name: b, service: a, http: {url: "http://127.0.0.1/", expect: {body_matches: ["(${env:TOKEN}"]}}}]`,
	} {
		_, err := load(t, text)
		if err == nil || strings.Contains(err.Error(), "correct-horse") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMistakesAreValues(t *testing.T) {
	_, err := load(t, "services:\n  - name: shop\n    rolback: x\n  - nam: other\n")
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 2 {
		t.Fatalf("%#v", err)
	}
	want := config.Mistake{File: mistakes[0].File, Line: 3, Column: 5, Path: "services[0].rolback", Problem: "unknown key", Hint: "did you mean rollback?"}
	if diff := cmp.Diff(want, mistakes[0]); diff != "" {
		t.Error(diff)
	}
}

func TestAnchorsAndMergesAreExpanded(t *testing.T) {
	c := mustLoad(t, `
x-check: &check {service: shop, every: 30s, labels: {site: sg}}
services: [{name: shop}]
checks:
  - <<: *check
    name: a
    http: &http {url: "http://127.0.0.1/"}
  - <<: [*check]
    name: b
    every: 1m
    http: *http
`)
	a, _ := c.Check("a")
	b, _ := c.Check("b")
	if time.Duration(a.Every) != 30*time.Second || time.Duration(b.Every) != time.Minute || b.Labels["site"] != "sg" {
		t.Errorf("a %+v, b %+v", a, b)
	}
	if a.Settings == b.Settings {
		t.Error("two checks share one value of settings")
	}
}

func TestAliasesCannotFillTheMemory(t *testing.T) {
	var b strings.Builder
	b.WriteString("x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "x-%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	b.WriteString(`services: [{name: s}]
checks: [{name: c, service: s, fake: {any: *x8}}]`)
	path := filepath.Join(t.TempDir(), "guardian.yaml")
	write(t, path, b.String())
	_, err := config.Load(path, config.Options{Probes: map[string]probes.Kind{"fake": {Settings: func() any { return &fakeSettings{} }}}})
	if err == nil || !strings.Contains(err.Error(), "expands to more than 250,000 values") {
		t.Errorf("%v", err)
	}
}

type fakeSettings struct {
	Target string `yaml:"target"`
	Any    any    `yaml:"any"`
	Deep   []struct {
		Width int `yaml:"width"`
	} `yaml:"deep"`
}

type widthError struct{ i int }

func (widthError) Error() string   { return "must be even" }
func (e widthError) Field() string { return fmt.Sprintf("deep[%d].width", e.i) }

func (s *fakeSettings) Validate() error {
	var errs []error
	if s.Target == "" {
		errs = append(errs, errors.New("target is missing"))
	}
	for i, d := range s.Deep {
		if d.Width%2 != 0 {
			errs = append(errs, fmt.Errorf("look: %w", widthError{i}))
		}
	}
	return errors.Join(errs...)
}

func TestAKindsOwnMistakesGetTheirLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guardian.yaml")
	write(t, path, `services: [{name: s}]
checks:
  - name: c
    service: s
    fake:
      any: [1, 2.5, true, ~, text, {k: v}]
      deep:
        - {width: 2}
        - width: 3
`)
	kinds := map[string]probes.Kind{"fake": {Settings: func() any { return &fakeSettings{} }}}
	_, err := config.Load(path, config.Options{Probes: kinds})
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mistakes {
		got = append(got, fmt.Sprintf("%d %s: %s", m.Line, m.Path, m.Problem))
	}
	want := []string{"6 checks[0].fake.target: is missing", "9 checks[0].fake.deep[1].width: look: must be even"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnyValueKeepsItsType(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guardian.yaml")
	write(t, path, `services: [{name: s}]
checks: [{name: c, service: s, fake: {target: x, any: [1, 2.5, true, ~, "7", {k: v}]}}]`)
	kinds := map[string]probes.Kind{"fake": {Settings: func() any { return &fakeSettings{} }}}
	c, err := config.Load(path, config.Options{Probes: kinds})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{int64(1), 2.5, true, nil, "7", map[string]any{"k": "v"}}
	if diff := cmp.Diff(want, c.Checks[0].Settings.(*fakeSettings).Any); diff != "" {
		t.Error(diff)
	}
}

func TestKindWithoutASectionUsesDefaults(t *testing.T) {
	c := mustLoad(t, `
services: [{name: s}]
checks: [{name: job, service: s, every: 1h, kind: heartbeat}]`)
	if _, ok := c.Checks[0].Settings.(*probes.HeartbeatSettings); !ok {
		t.Errorf("settings %T", c.Checks[0].Settings)
	}
}

func TestUnreadableFilesAreReported(t *testing.T) {
	folder := t.TempDir()
	big := filepath.Join(folder, "big.yaml")
	write(t, big, strings.Repeat("# padding\n", 1_000_000))
	for path, want := range map[string]string{
		filepath.Join(folder, "none.yaml"): "there is no such file",
		folder:                             "is not a regular file",
		big:                                "is larger than",
	} {
		if _, err := config.Load(path, config.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCheckingSeveralFilesFindsEachOnesMistakes(t *testing.T) {
	folder := t.TempDir()
	good, bad, rule := filepath.Join(folder, "a.yaml"), filepath.Join(folder, "b.yaml"), filepath.Join(folder, "rules.yaml")
	write(t, good, "services: [{name: shop}]\n")
	write(t, bad, "servces: []\n")
	write(t, rule, "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: up ==\n")
	if _, err := config.LoadFiles([]string{good}, config.Options{}); err != nil {
		t.Errorf("a good file: %v", err)
	}
	_, err := config.LoadFiles([]string{rule, good, bad}, config.Options{})
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 2 || mistakes[0].File != bad || mistakes[1].File != rule || mistakes[1].Line != 5 {
		t.Errorf("%v", err)
	}
}

func TestRulesMayReadDeclaredAndProducedMetrics(t *testing.T) {
	folder := examples(t)
	names, err := fs.Glob(configs.FS, "rules/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	names = append(names, "rules/prometheus/hosts.yaml", "packs/drift.yaml") // of the latter one applies by itself
	c, err := config.Load(filepath.Join(folder, "full.yaml"), config.Options{LookupEnv: exampleEnvironment})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.RuleFiles) != len(names) {
		t.Errorf("%d of %d rule files", len(c.RuleFiles), len(names))
	}
}

func TestNameOfARuleFileFollowsTheConfigurations(t *testing.T) {
	folder := examples(t)
	t.Chdir(folder)
	c, err := config.Load("minimal.yaml", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.RuleFiles[0].Name != "rules/checks.yaml" {
		t.Errorf("name %q", c.RuleFiles[0].Name)
	}
}

func TestStateOfAlertsIsKeptHoweverThePathIsWritten(t *testing.T) {
	folder := examples(t)
	t.Chdir(folder)
	keys := map[string]bool{}
	for _, path := range []string{"minimal.yaml", "./minimal.yaml", filepath.Join(folder, "minimal.yaml"), filepath.Join("..", filepath.Base(folder), "minimal.yaml")} {
		c, err := config.Load(path, config.Options{})
		if err != nil {
			t.Fatal(err)
		}
		keys[c.Groups[0].Key()] = true
	}
	if len(keys) != 1 {
		t.Errorf("one group of rules has the keys %v", keys)
	}
}

func TestTheNumberOfMistakesIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - {name: s-%d, colour: red}\n", i)
	}
	_, err := load(t, text.String())
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 101 || !strings.Contains(lines[0], ":2:") || !strings.Contains(lines[100], "guardian.yaml: has more mistakes") {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
}

func TestTheWatchGetsTheSettingsOfTheCheck(t *testing.T) {
	c := mustLoad(t, `
services: [{name: s}]
checks: [{name: c, service: s, every: 5s, weight: 3, failure_rate: 2%, labels: {shop: sg-1}, http: {url: "http://127.0.0.1/"}}]`)
	want := watch.CheckPolicy{Check: "c", Kind: "http", Path: config.DefaultPath, Labels: map[string]string{"shop": "sg-1"}, FailureRate: 0.02, FailureRateSet: true, Weight: 3, Every: 5 * time.Second}
	if diff := cmp.Diff(want, c.Checks[0].Policy()); diff != "" {
		t.Error(diff)
	}
}

// TestAReceiverOfOnePersonHasTheirLanguageAndTimeZone: one that reaches several has the server's (a nil zone prints as UTC).
func TestAReceiverOfOnePersonHasTheirLanguageAndTimeZone(t *testing.T) {
	c, err := load(t, `
server: {language: en}
services: [{name: orders}]
receivers:
  - {name: siti-sms, webhook: {url: "http://127.0.0.1:9/a"}}
  - {name: both, webhook: {url: "http://127.0.0.1:9/b"}}
  - {name: wei-sms, language: en, webhook: {url: "http://127.0.0.1:9/c"}}
routes: {receiver: both}
people:
  - {name: siti, language: zh, timezone: Asia/Jakarta, receivers: [siti-sms, both]}
  - {name: wei, language: zh, receivers: [wei-sms, both]}
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.Receivers {
		zone := c.PersonalZones()[r.Name]
		got = append(got, fmt.Sprintf("%s %s %v", r.Name, r.Language, zone))
	}
	if diff := cmp.Diff([]string{"siti-sms zh Asia/Jakarta", "both en UTC", "wei-sms en UTC"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
