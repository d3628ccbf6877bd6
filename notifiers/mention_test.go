package notifiers_test

import (
	"slices"
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/feishu"
	"guardian/test/fake/chat/slack"
	"guardian/test/fake/chat/wecom"
)

// TestMessengersMentionThePeopleOfANotice: a notice for somebody mentions them and nobody else, and
// one for somebody whom a messenger does not know mentions those of its settings.
func TestMessengersMentionThePeopleOfANotice(t *testing.T) {
	known := notifiers.Contact{Name: "Wei", Mobile: "+65-81234567", Feishu: "ou_wei12345", Slack: "U0WEI1234"}
	byID := notifiers.Contact{Name: "Li", Mobile: "13800138000", DingTalk: "manager1", WeCom: "LiNa"}
	stranger := notifiers.Contact{Name: "Eve", Mail: "eve@example.com"}

	ding, group, lark, hook := dingtalk.New(), wecom.New(), feishu.New(), slack.New()
	defer ding.Close()
	defer group.Close()
	defer lark.Close()
	defer hook.Close()
	for name, m := range map[string]struct {
		settings any
		last     func() (text string, mentions []string)
		want     map[string]string // by person
	}{
		"dingtalk": {
			&notifiers.DingTalkSettings{Webhook: secret.New(ding.URL()), At: notifiers.DingTalkAt{UserIDs: []string{"everyday"}}},
			func() (string, []string) {
				all := ding.Messages()
				m := all[len(all)-1]
				return m.Text, slices.Concat(m.AtMobiles, m.AtUserIDs)
			},
			map[string]string{"Wei": "+65-81234567", "Li": "manager1", "Eve": "everyday"},
		},
		"wecom": {
			&notifiers.WeComSettings{Webhook: secret.New(group.URL()), At: notifiers.WeComAt{UserIDs: []string{"everyday"}}},
			func() (string, []string) {
				all := group.Messages()
				m := all[len(all)-1]
				return m.Text, m.Mentions
			},
			map[string]string{"Wei": "+6581234567", "Li": "LiNa", "Eve": "everyday"},
		},
		"feishu": {
			&notifiers.FeishuSettings{Webhook: secret.New(lark.URL()), At: notifiers.FeishuAt{OpenIDs: []string{"ou_everyday"}}},
			func() (string, []string) {
				all := lark.Messages()
				m := all[len(all)-1]
				return m.Text, m.Ats
			},
			map[string]string{"Wei": "ou_wei12345", "Li": "ou_everyday", "Eve": "ou_everyday"},
		},
		"slack": {
			&notifiers.SlackSettings{Webhook: secret.New(hook.URL()), Mention: "<!here>"},
			func() (string, []string) {
				all := hook.Messages()
				return strings.Join(all[len(all)-1].Parts, "\n"), nil
			},
			map[string]string{"Wei": "<@U0WEI1234>", "Li": "<!here>", "Eve": "<!here>"},
		},
	} {
		c := build(t, name, m.settings, notifiers.Env{})
		for _, p := range []notifiers.Contact{known, byID, stranger} {
			n := outage()
			n.Mention, n.People = true, []notifiers.Contact{p}
			if err := c.Send(t.Context(), n); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text, mentions := m.last()
			if want := m.want[p.Name]; mentions != nil && !slices.Equal(mentions, []string{want}) || mentions == nil && !strings.Contains(text, want) {
				t.Errorf("%s mentions %q for %s, want %s\n%s", name, mentions, p.Name, want, text)
			}
		}
	}
}

func TestADigestMentionsThePeopleOfItsNotices(t *testing.T) {
	wei, li := notifiers.Contact{Name: "Wei", Slack: "U0WEI1234"}, notifiers.Contact{Name: "Li", Slack: "U0LINA123"}
	a, b, c := outage(), outage(), outage()
	a.People, b.People, c.People = []notifiers.Contact{wei}, []notifiers.Contact{li}, []notifiers.Contact{wei}
	if got := notifiers.Merge([]notifiers.Notice{a, b, c}).People; !slices.Equal(got, []notifiers.Contact{wei, li}) {
		t.Errorf("got %v", got)
	}
}
