package notifiers_test

import (
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/slack"
)

// The values of facts are labels, which a sender of metrics may choose: they cannot pretend to be other
// facts, links of the guardian, or another text than they are.
func TestFactsCannotBeImitatedByLabels(t *testing.T) {
	n := outage()
	n.Facts = nil
	for _, value := range []string{
		"a\n**状态**：已恢复", "b\r\n*Status*\nOK", "c\u2028*Status*\u2029OK", "d\u0085*Status* OK",
		"see https://evil.example.com/login", "see HTTP://evil.example.com", "see www.evil.example.com", "dingtalk://x",
		"[click](https://evil.example.com)", "<https://evil.example.com|click>", "\u202egnp.exe", "\u2066hidden\u2069", "\u202b\u202a\u202d\u202c\u2067\u2068x",
	} {
		n.Facts = append(n.Facts, notifiers.Fact{Name: "shop\n" + value, Value: value})
	}
	n.Links = nil

	robot := dingtalk.New()
	defer robot.Close()
	hook := slack.New()
	defer hook.Close()
	for _, c := range []notifiers.Channel{
		build(t, "dingtalk", &notifiers.DingTalkSettings{Webhook: secret.New(robot.URL())}, notifiers.Env{}),
		build(t, "slack", &notifiers.SlackSettings{Webhook: secret.New(hook.URL())}, notifiers.Env{}),
	} {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"DingTalk": robot.Messages()[0].Text, "Slack": hook.Messages()[0].All()} {
		if i := strings.IndexAny(text, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\u0085\r"); i >= 0 {
			t.Errorf("%s: %q turns the direction or breaks the line", name, text[i:])
		}
		for line := range strings.SplitSeq(text, "\n") {
			for _, fake := range []string{"**状态**", "*Status*", "OK"} {
				if strings.HasPrefix(strings.TrimLeft(line, "> "), fake) {
					t.Errorf("%s: a label made the line %q", name, line)
				}
			}
		}
	}
	for _, link := range []string{"https://evil", "HTTP://evil", "www.evil", "dingtalk://x", "](https"} {
		if text := robot.Messages()[0].Text; strings.Contains(text, link) {
			t.Errorf("DingTalk: %s is a link:\n%s", link, text)
		}
	}
	if strings.Contains(hook.Messages()[0].All(), "<https://evil") {
		t.Error("Slack: a label is a link")
	}
}
