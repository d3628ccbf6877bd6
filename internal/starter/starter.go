package starter

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"guardian/actions"
)

// Answers is what is asked.
type Answers struct {
	Service  string // its name
	URL      string // what the check asks for
	Notify   string // one of Channels
	Rollback string // one of Ways
	// Target is what a rollback acts on: a container's name, the URL of a deploy tool, or the path of
	// a script.
	Target string
	Image  string // of the container, without a tag
	// Engine is where the Docker Engine is reached, as DOCKER_HOST has it; "": where it usually is.
	Engine string
	// Version is the one that runs now and is good; without one the first deploy that passes is.
	Version  string
	Language string // zh or en
}

// None is the answer for no channel, and for no rollback.
const None = "none"

// Channels lists where people can be notified.
func Channels() []string { return []string{"slack", "dingtalk", "wecom", "feishu", "webhook", None} }

// Ways lists how a version can be put back.
func Ways() []string { return []string{"docker", "webhook", "script", None} }

var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9_.-]*[a-z0-9])?$`)

// AnswerError says what is wrong with an answer, by the name of its flag.
type AnswerError struct {
	Flag string
	Text string
}

func (p *AnswerError) Error() string { return "--" + p.Flag + ": " + p.Text }

// Check gives what is wrong with the answers, or nil.
func (a Answers) Check() error {
	wrong := func(flag, format string, args ...any) error { return &AnswerError{flag, fmt.Sprintf(format, args...)} }
	switch u, err := url.Parse(a.URL); {
	case !name.MatchString(a.Service):
		return wrong("service", "%q is no name: use lower case letters, digits and -, such as order-sync", a.Service)
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return wrong("url", "%q is no http:// or https:// address, such as https://shop.example.com/healthz", a.URL)
	case !slices.Contains(Channels(), a.Notify):
		return wrong("notify", "%q is none of %s", a.Notify, strings.Join(Channels(), ", "))
	case !slices.Contains(Ways(), a.Rollback):
		return wrong("rollback", "%q is none of %s", a.Rollback, strings.Join(Ways(), ", "))
	case a.Version != "" && !actions.ValidVersion(a.Version):
		return wrong("version", "%q is not a version: expected %s", a.Version, actions.VersionRule)
	case a.Language != "zh" && a.Language != "en":
		return wrong("language", "%q is neither zh nor en", a.Language)
	}
	switch u, err := url.Parse(a.Target); {
	case a.Rollback == None:
	case a.Target == "":
		return wrong("target", "say what a rollback acts on: %s", Asks(a.Rollback))
	case a.Rollback == "webhook" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == ""):
		return wrong("target", "%q is no http:// or https:// address", a.Target)
	case a.Rollback == "script" && !filepath.IsAbs(a.Target):
		return wrong("target", "%q is no absolute path", a.Target)
	case a.Rollback == "docker" && a.Image == "":
		return wrong("image", "say of which image the container is, without a tag, such as registry.example.com/order-sync")
	case a.Rollback == "docker" && strings.Contains(a.Image[strings.LastIndex(a.Image, "/")+1:], ":"):
		return wrong("image", "%q has a tag; leave it out: the version that is put back takes its place", a.Image)
	}
	return nil
}

// Asks says what a rollback of this kind acts on.
func Asks(way string) string {
	switch way {
	case "docker":
		return "the name of the container"
	case "webhook":
		return "the URL of your CI or deploy tool, which is asked to deploy a version"
	case "script":
		return "the absolute path of a script, which gets the version as its argument"
	default:
		return ""
	}
}

// Secret is an environment variable that the configuration reads.
type Secret struct {
	Name    string
	Example string // what it may look like
}

// Secrets lists them.
func (a Answers) Secrets() (all []Secret) {
	switch a.Notify {
	case "slack":
		all = append(all, Secret{"SLACK_WEBHOOK", "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX"})
	case "dingtalk":
		all = append(all, Secret{"DINGTALK_WEBHOOK", "https://oapi.dingtalk.com/robot/send?access_token=XXXXXXXX"}, Secret{"DINGTALK_SECRET", "SECXXXXXXXX"})
	case "wecom":
		all = append(all, Secret{"WECOM_WEBHOOK", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=XXXXXXXX"})
	case "feishu":
		all = append(all, Secret{"FEISHU_WEBHOOK", "https://open.feishu.cn/open-apis/bot/v2/hook/XXXXXXXX"}, Secret{"FEISHU_SECRET", "XXXXXXXX"})
	case "webhook":
		all = append(all, Secret{"NOTIFY_URL", "https://example.com/notices"})
	default:
	}
	if a.Rollback == "webhook" {
		all = append(all, Secret{"DEPLOY_TOKEN", "XXXXXXXX"})
	}
	return all
}

// Lookup gives the environment with examples in place of what is not set.
func (a Answers) Lookup(env func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := env(name); ok {
			return value, true
		}
		for _, s := range a.Secrets() {
			if s.Name == name {
				return s.Example, true
			}
		}
		return "", false
	}
}

//go:embed guardian.yaml.tmpl
var text string

// Write gives the configuration. Call Check before.
func Write(a Answers) (string, error) {
	t, err := template.New("guardian.yaml").Funcs(template.FuncMap{"q": quoted}).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, a); err != nil {
		return "", err
	}
	return b.String(), nil
}

// quoted gives a text as YAML reads it, whatever is in it: a JSON string is one. What looks like a
// template or a variable stays text.
func quoted(s string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(strings.ReplaceAll(s, "${", "$${"))
	return strings.TrimSpace(b.String()), err
}
