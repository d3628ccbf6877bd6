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
