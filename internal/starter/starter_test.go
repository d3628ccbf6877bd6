package starter_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/config"
	"guardian/internal/starter"
)

func answers() starter.Answers {
	return starter.Answers{Service: "order-sync", URL: "https://shop.example.com/healthz", Notify: "slack", Rollback: starter.None, Language: "en"}
}

// load loads what is written for answers as a guardian does.
func load(t *testing.T, a starter.Answers) *config.Config {
	t.Helper()
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	text, err := starter.Write(a)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "guardian.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{LookupEnv: a.Lookup(func(string) (string, bool) { return "", false })})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("%v\n%s", c.Warnings, text)
	}
	return c
}

// TestEveryAnswerMakesAConfigurationThatLoads without mistakes, warnings, or variables that nobody
// was told of.
func TestEveryAnswerMakesAConfigurationThatLoads(t *testing.T) {
	for _, channel := range starter.Channels() {
		for _, way := range starter.Ways() {
			for _, language := range []string{"en", "zh"} {
				t.Run(channel+" "+way+" "+language, func(t *testing.T) {
					a := answers()
					a.Notify, a.Rollback, a.Language = channel, way, language
					a.Target = map[string]string{"docker": "order-sync-1", "webhook": "https://ci.example.com/deploy?ref=main", "script": "/opt/shop/deploy it.sh"}[way]
					a.Image, a.Version = "registry.example.com:5000/order-sync", "v1.4.2"
					c := load(t, a)
					// The shop's own and, where the step can tell what runs, the one that compares it.
					checks := map[bool]int{false: 1, true: 2}[way == "docker"]
					if len(c.Services) != 1 || len(c.Checks) != checks || len(c.Receivers) != map[bool]int{true: 1}[channel != starter.None] {
						t.Errorf("%s", c)
					}
					if rolls := c.Services[0].Rollback != ""; rolls != (way != starter.None) {
						t.Errorf("rollback: %q", c.Services[0].Rollback)
					}
					if alerts := len(c.Groups) > 0; alerts != (channel != starter.None) {
						t.Errorf("it alerts: %t", alerts)
					}
				})
			}
		}
	}
}

// TestAnswersStayText whatever is in them.
func TestAnswersStayText(t *testing.T) {
	a := answers()
	a.URL = `https://shop.example.com/a"b: {c}#d?e=${env:HOME}&f='g'`
	a.Rollback, a.Target, a.Version = "script", `/opt/a "b" #c`, "1.0"
	c := load(t, a)
	if got := c.Services[0].KnownGood; len(got) != 1 || got[0] != a.Version {
		t.Errorf("known good: %q", got)
	}
}

func TestWrongAnswersAreSaid(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*starter.Answers)
		flag   string
	}{
		"a name with blanks":           {func(a *starter.Answers) { a.Service = "order sync" }, "service"},
		"an address without a scheme":  {func(a *starter.Answers) { a.URL = "shop.example.com" }, "url"},
		"no address":                   {func(a *starter.Answers) { a.URL = "" }, "url"},
		"a channel that is not known":  {func(a *starter.Answers) { a.Notify = "pigeon" }, "notify"},
		"a way that is not known":      {func(a *starter.Answers) { a.Rollback = "hope" }, "rollback"},
		"a rollback without a target":  {func(a *starter.Answers) { a.Rollback = "script" }, "target"},
		"a script by a relative path":  {func(a *starter.Answers) { a.Rollback, a.Target = "script", "deploy.sh" }, "target"},
		"a deploy tool without a host": {func(a *starter.Answers) { a.Rollback, a.Target = "webhook", "https://" }, "target"},
		"a container without an image": {func(a *starter.Answers) { a.Rollback, a.Target = "docker", "orders" }, "image"},
		"an image with a tag": {func(a *starter.Answers) {
			a.Rollback, a.Target, a.Image = "docker", "orders", "registry:5000/orders:v1"
		}, "image"},
		"a version with blanks":        {func(a *starter.Answers) { a.Rollback, a.Target, a.Version = "script", "/opt/deploy.sh", "v1 2" }, "version"},
		"a language that is not there": {func(a *starter.Answers) { a.Language = "fr" }, "language"},
	} {
		t.Run(name, func(t *testing.T) {
			a := answers()
			c.change(&a)
			var p *starter.AnswerError
			if err := a.Check(); !errors.As(err, &p) || p.Flag != c.flag || !strings.HasPrefix(err.Error(), "--"+c.flag+": ") {
				t.Errorf("%v, want a problem of --%s", err, c.flag)
			}
		})
	}
}
