package config_test

import (
	"strings"
	"testing"
)

// An SMS for each notice is a warning: a storm would be hundreds.
func TestASMSForEachNoticeIsAWarning(t *testing.T) {
	receiver := func(limit string) string {
		return `
receivers:
  - name: sms
` + limit + `    webhook:
      url: https://dysmsapi.aliyuncs.com/
      template: 'x={{urlquery .Title}}'
      content_type: application/x-www-form-urlencoded
      aliyun: {access_key_id: LTAI1, access_key_secret: a-secret-of-aliyun, action: SendSms, version: "2017-05-25"}
routes: {receiver: sms}
`
	}
	if c := mustLoad(t, receiver("")); len(c.Warnings) != 1 || !strings.Contains(c.Warnings.Error(), "max_per_minute") {
		t.Errorf("warnings %v, want one about max_per_minute", c.Warnings)
	}
	if c := mustLoad(t, receiver("    max_per_minute: 3\n")); len(c.Warnings) != 0 {
		t.Errorf("warnings %v, want none", c.Warnings)
	}
}

// Templates of messages are tried when a configuration is loaded: mistakes have their key's line.
func TestTemplatesOfMessagesAreTried(t *testing.T) {
	receiver := func(kind, templates string) string {
		return `
receivers:
  - name: group
    ` + kind + `
    templates:
      ` + templates + `
routes: {receiver: group}
`
	}
	const chat = "dingtalk: {webhook: 'https://oapi.dingtalk.com/robot/send?access_token=x'}"
	for name, c := range map[string]struct{ kind, templates, want string }{
		"a name":     {chat, "text: '{{.Labls.service}}'", `guardian.yaml:6:13: receivers[0].templates.text: {{.Labls}}: there is no "Labls" here; did you mean .Labels?`},
		"an example": {chat, "title: '{{range .Group.Alerts}}x{{end}}'", "guardian.yaml:6:14: receivers[0].templates.title: "},
		"a program":  {"webhook: {url: 'https://example.com/'}", "title: x", "receivers[0].templates: are for messages that people read, and webhook sends none; a webhook has a template of its own"},
		"a word":     {chat, "without: [links]", `receivers[0].templates.without[0]: `},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, receiver(c.kind, c.templates))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if c := mustLoad(t, receiver(chat, "title: '{{.Title}}'")); c.Receivers[0].Templates.Title == "" {
		t.Error("the template was not taken")
	}
}
