package notifiers

import "strings"

// Contact is how messengers mention a person. What a messenger does not know it leaves out.
type Contact struct {
	Name     string `json:"name"`
	Mobile   string `json:"mobile,omitempty"`
	DingTalk string `json:"dingtalk,omitempty"` // user ID
	WeCom    string `json:"wecom,omitempty"`    // user ID
	Feishu   string `json:"feishu,omitempty"`   // open ID
	Slack    string `json:"slack,omitempty"`    // member ID
	Mail     string `json:"mail,omitempty"`
}

// of gives whom a notice mentions: the people that it is for, else those of the settings.
func (a DingTalkAt) of(people []Contact) DingTalkAt {
	var at DingTalkAt
	for _, p := range people {
		switch {
		case p.DingTalk != "":
			at.UserIDs = append(at.UserIDs, p.DingTalk)
		case p.Mobile != "":
			at.Mobiles = append(at.Mobiles, p.Mobile)
		}
	}
	if at.empty() {
		return a
	}
	return at
}

// of gives whom a notice mentions: the people that it is for, else those of the settings.
func (a WeComAt) of(people []Contact) WeComAt {
	var at WeComAt
	for _, p := range people {
		switch {
		case p.WeCom != "":
			at.UserIDs = append(at.UserIDs, p.WeCom)
		case p.Mobile != "":
			at.Mobiles = append(at.Mobiles, strings.ReplaceAll(p.Mobile, "-", ""))
		}
	}
	if at.empty() {
		return a
	}
	return at
}

// of gives whom a notice mentions: the people that it is for, else those of the settings.
func (a FeishuAt) of(people []Contact) FeishuAt {
	var at FeishuAt
	for _, p := range people {
		if p.Feishu != "" {
			at.OpenIDs = append(at.OpenIDs, p.Feishu)
		}
	}
	if at.empty() {
		return a
	}
	return at
}

// slackMention gives whom a notice mentions: the people that it is for, else those of the settings.
func slackMention(people []Contact, otherwise string) string {
	var ids []string
	for _, p := range people {
		if p.Slack != "" {
			ids = append(ids, "<@"+p.Slack+">")
		}
	}
	if len(ids) == 0 {
		return otherwise
	}
	return strings.Join(ids, " ")
}
