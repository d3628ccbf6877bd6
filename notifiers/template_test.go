package notifiers_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/slack"
	"guardian/test/fake/chat/wecom"
)

func words(t *testing.T, s notifiers.TemplateSettings) *notifiers.Template {
	t.Helper()
	r := &secret.Redactor{}
	r.Learn(secret.New("ops-password-4711"))
	w, err := notifiers.NewTemplate(s, r)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func rendered(t *testing.T, w *notifiers.Template, n notifiers.Notice) notifiers.Notice {
	t.Helper()
	n, err := w.Render(n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A receiver's templates write its messages, digests too, and those of its fallback are the fallback's own.
func TestTemplatesWriteTheMessagesOfAReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &messenger{}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{
			"oncall": {Channel: first, Template: words(t, notifiers.TemplateSettings{
				Title: "[{{upper .Tier}}] {{.Title}}", Text: "{{if .Merged}}{{.Text}}{{else}}ops-password-4711 {{.Key}}{{end}}", Without: []string{"steps"},
			}), Budget: notifiers.Budget{Limit: 1, MergeMax: 9}},
			"plain": {Channel: second},
		})
		k.start()
		k.put("plain", "critical", "a/one")
		k.put("oncall", "critical", "a/one")
		pass(time.Second)
		k.put("oncall", "critical", "b/two", "c/three")
		pass(3 * time.Minute)
		got := first.all()
		if n := got[0].notice; n.Title != "[CRITICAL] one" || n.Text != secret.Mask+" a" || n.ID != "a/one" {
			t.Errorf("%+v", n)
		}
		if n := got[len(got)-1].notice; len(got) != 2 || !strings.HasPrefix(n.Title, "[CRITICAL] 2 notices in one") || !strings.Contains(n.Text, "three") || strings.Contains(n.Text, "[CRITICAL]") {
			t.Errorf("of %d messages the digest is %+v", len(got), n)
		}
		if n := second.all()[0].notice; n.Title != "one" {
			t.Errorf("another receiver is told %+v", n)
		}
	})
}

// A template that fails with what it was not tried with keeps nobody from hearing.
func TestATemplateThatFailsLeavesTheMessageAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Template: words(t, notifiers.TemplateSettings{Title: "x", Text: `{{(index .Facts 0).Value}}`})}})
		k.start()
		k.put("oncall", "critical", "a/one")
		pass(time.Second)
		if got := m.titles(); got != "one" {
			t.Errorf("told %q", got)
		}
	})
}

// What a template makes is cut where the messenger's limit is, in bytes, after a sentence.
func TestTemplatesKeepTheLimitsOfAMessenger(t *testing.T) {
	robot := wecom.New()
	defer robot.Close()
	c := build(t, "wecom", &notifiers.WeComSettings{Webhook: secret.New(robot.URL())}, notifiers.Env{})
	n := rendered(t, words(t, notifiers.TemplateSettings{Title: strings.Repeat("很长的标题", 99), Text: "{{range .Steps}}" + strings.Repeat("订单推送失败，请尽快查看平台状态。", 200) + "{{end}}"}), outage())
	if err := c.Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	text := robot.Messages()[0].Text
	if len(text) > wecom.MarkdownBytes || !strings.Contains(text, "状态。… （内容过长") || !strings.Contains(text, "[详情](https://guardian") {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
}

// In a template labels are no lines, links or marks of their own either.
func TestLabelsInTemplatesImitateNothing(t *testing.T) {
	n := outage()
	n.Facts, n.Links, n.Labels = nil, nil, map[string]string{}
	n.Group = &notifiers.Group{Labels: map[string]string{}, Alerts: []notifiers.Alert{{Labels: map[string]string{}}}}
	for name, value := range map[string]string{
		"a": "**状态**：已恢复", "b": "x\r\n*Status*\nOK", "c": "c\u2028*Status*\u2029OK", "d": "https://evil.example.com", "e": "[click](https://evil.example.com)", "f": "*Status*",
		"g": "www.evil.example.com",
	} {
		n.Labels[name], n.Group.Labels[name], n.Group.Alerts[0].Labels[name] = value, value, value
		n.Facts = append(n.Facts, notifiers.Fact{Name: value, Value: value})
	}
	w := words(t, notifiers.TemplateSettings{
		Text:    "{{range $k, $v := .Labels}}\n{{$v}}{{end}}{{range .Facts}}\n{{.Name}}\n{{.Value}}{{end}}{{range $k, $v := .Group.Labels}}\n{{$v}}{{end}}{{range .Group.Alerts}}{{range .Labels}}\n{{.}}{{end}}{{end}}",
		Without: []string{"facts"},
	})
	robot, hook := dingtalk.New(), slack.New()
	defer robot.Close()
	defer hook.Close()
	for _, c := range []notifiers.Channel{
		build(t, "dingtalk", &notifiers.DingTalkSettings{Webhook: secret.New(robot.URL())}, notifiers.Env{}),
		build(t, "slack", &notifiers.SlackSettings{Webhook: secret.New(hook.URL())}, notifiers.Env{}),
	} {
		if err := c.Send(t.Context(), rendered(t, w, n)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"DingTalk": robot.Messages()[0].Text, "Slack": hook.Messages()[0].All()} {
		for line := range strings.SplitSeq(text, "\n") {
			for _, fake := range []string{"**状态**", "*Status*", "OK"} {
				if strings.HasPrefix(strings.TrimLeft(line, "> "), fake) {
					t.Errorf("%s: a label made the line %q", name, line)
				}
			}
		}
	}
	for _, link := range []string{"https://evil", "www.evil", "](https"} {
		if text := robot.Messages()[0].Text; strings.Contains(text, link) {
			t.Errorf("DingTalk: %s is a link:\n%s", link, text)
		}
	}
}

func TestMistakesInTemplates(t *testing.T) {
	for name, c := range map[string]struct {
		s    notifiers.TemplateSettings
		want string
	}{
		"a name that there is not":       {notifiers.TemplateSettings{Text: "{{.Labls.service}}"}, `text: {{.Labls}}: there is no "Labls" here: did you mean .Labels?`},
		"a name in an alert":             {notifiers.TemplateSettings{Title: "{{with .Group}}{{range .Alerts}}{{.StartAt}}{{end}}{{end}}"}, `title: {{.StartAt}}: there is no "StartAt" here: did you mean .StartsAt?`},
		"no template":                    {notifiers.TemplateSettings{Title: "{{.Title"}, "title: 1: unclosed action"},
		"a function that there is not":   {notifiers.TemplateSettings{Text: `{{value "x"}}`}, `text: 1: function "value" not defined`},
		"what only alerts have":          {notifiers.TemplateSettings{Text: "{{range .Group.Alerts}}x{{end}}"}, "nil pointer"},
		"what a digest does not have":    {notifiers.TemplateSettings{Text: "{{(index .Facts 0).Value}}"}, "index out of range"},
		"mistakes in both are both said": {notifiers.TemplateSettings{Title: "{{.X}}", Text: "{{.Title}} {{.Y}}"}, "\ntext: {{.Y}}"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := notifiers.TryTemplate(c.s, "zh"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if err := notifiers.TryTemplate(notifiers.TemplateSettings{Text: `{{with .Group}}{{range .Alerts}}{{.Annotations.summary}}{{end}}{{else}}{{.Text}}{{end}}`}, "en"); err != nil {
		t.Error(err)
	}
}
