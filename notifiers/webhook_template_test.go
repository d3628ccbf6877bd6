package notifiers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/secret"
	"guardian/notifiers"
)

// endpoint records requests and answers them.
type endpoint struct {
	*httptest.Server
	requests []http.Request
	bodies   []string
}

func answering(t *testing.T, status int, body string) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		e.requests, e.bodies = append(e.requests, *r), append(e.bodies, string(b))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(e.Close)
	return e
}

func shipped(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../configs/templates/" + name + ".tmpl")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func values(pairs ...string) map[string]secret.Secret {
	out := map[string]secret.Secret{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = secret.New(pairs[i+1])
	}
	return out
}

// strange are notices with which every shipped template must cope.
func strange() []notifiers.Notice {
	long := strings.Repeat("订单推送失败 \"\\<b>&\n", 5000)
	resolved := outage()
	resolved.Tone = notifiers.Good
	digest := notifiers.Merge([]notifiers.Notice{outage(), {ID: "n_2", Title: "another", Tier: "info"}})
	return []notifiers.Notice{
		outage(), resolved, digest,
		{ID: "n_3", Key: "k"},
		{},
		{ID: "n_4", Key: long, Title: long, Text: long, Facts: []notifiers.Fact{{Name: long, Value: long}}, Steps: []string{long}, Labels: map[string]string{"service": long}, Tier: "warning"},
	}
}

// one field of a JSON body.
func field(t *testing.T, body string, path ...any) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
	}
	return v
}

// text is a field that must be a text.
func text(t *testing.T, body string, path ...any) string {
	t.Helper()
	s, ok := field(t, body, path...).(string)
	if !ok {
		t.Errorf("%v is no text in %.300s", path, body)
	}
	return s
}

func TestTheTemplateForPagerDuty(t *testing.T) {
	e := answering(t, http.StatusAccepted, `{"status":"success","message":"Event processed","dedup_key":"alert/1"}`)
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New(e.URL), Template: shipped(t, "pagerduty"), ContentType: "application/json", Values: values("routing_key", strings.Repeat("a", 32))}, notifiers.Env{})
	for _, n := range strange() {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		body := e.bodies[len(e.bodies)-1]
		if text(t, body, "routing_key") != strings.Repeat("a", 32) || utf8.RuneCountInString(text(t, body, "payload", "summary")) > 1024 || len(text(t, body, "dedup_key")) > 255 || text(t, body, "payload", "source") == "" {
			t.Errorf("PagerDuty refuses %.500s", body)
		}
		if s := text(t, body, "payload", "severity"); s != "critical" && s != "warning" && s != "info" {
			t.Errorf("severity %q", s)
		}
	}
	if text(t, e.bodies[0], "event_action") != "trigger" || text(t, e.bodies[1], "event_action") != "resolve" || text(t, e.bodies[0], "dedup_key") != text(t, e.bodies[1], "dedup_key") {
		t.Errorf("a resolved alert must resolve the incident that it triggered:\n%s\n%s", e.bodies[0], e.bodies[1])
	}
	if text(t, e.bodies[0], "payload", "severity") != "critical" || text(t, e.bodies[0], "links", 0, "href") != "https://guardian.example.com/watches/w_1" {
		t.Errorf("severity or link is wrong: %s", e.bodies[0])
	}
}

func TestTheTemplateForTelegram(t *testing.T) {
	e := answering(t, http.StatusOK, `{"ok":true,"result":{"message_id":1}}`)
	s := &notifiers.WebhookSettings{URL: secret.New(e.URL + "/bot123:abcdefghijklmnop/sendMessage"), Template: shipped(t, "telegram"), ContentType: "application/json", Values: values("chat_id", "-100123")}
	c := build(t, "webhook", s, notifiers.Env{})
	for _, n := range strange() {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		body := e.bodies[len(e.bodies)-1]
		if got := text(t, body, "text"); got == "" || utf8.RuneCountInString(got) > 4096 || text(t, body, "chat_id") != "-100123" {
			t.Errorf("Telegram refuses %.500s", body)
		}
	}
	if !strings.Contains(e.bodies[0], "推单失败") || field(t, e.bodies[0], "disable_notification") != false || field(t, e.bodies[3], "disable_notification") != true {
		t.Errorf("%s\n%s", e.bodies[0], e.bodies[3])
	}
	refused := answering(t, http.StatusOK, `{"ok":false,"error_code":403,"description":"bot was kicked"}`)
	s.URL = secret.New(refused.URL)
	if err := build(t, "webhook", s, notifiers.Env{}).Send(t.Context(), outage()); err == nil {
		t.Error("ok: false counted as a delivery")
	}
}

func TestTheTemplateForTeams(t *testing.T) {
	e := answering(t, http.StatusAccepted, "")
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New(e.URL), Template: shipped(t, "teams"), ContentType: "application/json"}, notifiers.Env{})
	for _, n := range strange() {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		body := e.bodies[len(e.bodies)-1]
		if text(t, body, "attachments", 0, "content", "type") != "AdaptiveCard" || text(t, body, "attachments", 0, "content", "body", 0, "text") == "" || len(body) > 28<<10 {
			t.Errorf("Teams refuses %d bytes: %.500s", len(body), body)
		}
	}
	if text(t, e.bodies[0], "attachments", 0, "content", "actions", 0, "url") != "https://guardian.example.com/watches/w_1" || text(t, e.bodies[0], "attachments", 0, "content", "body", 0, "color") != "attention" {
		t.Errorf("link or colour is wrong: %s", e.bodies[0])
	}
}

func TestTheTemplatesForAliyun(t *testing.T) {
	for name, c := range map[string]struct {
		action, param string
		values        map[string]secret.Secret
	}{
		"aliyun-sms":   {"SendSms", "TemplateParam", values("numbers", "13800138000,13900139000", "sign_name", "守护者", "template_code", "SMS_1")},
		"aliyun-voice": {"SingleCallByTts", "TtsParam", values("number", "13800138000", "tts_code", "TTS_1")},
	} {
		e := answering(t, http.StatusOK, `{"Code":"OK","Message":"OK","RequestId":"1"}`)
		channel := build(t, "webhook", &notifiers.WebhookSettings{
			URL: secret.New(e.URL), Template: shipped(t, name), ContentType: "application/x-www-form-urlencoded", Values: c.values,
			Aliyun: &notifiers.AliyunCall{AccessKeyID: "LTAIxyz", AccessKeySecret: secret.New("aliyun-secret"), Action: c.action, Version: "2017-05-25"},
		}, notifiers.Env{})
		for _, n := range strange() {
			if err := channel.Send(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			form, err := url.ParseQuery(e.bodies[len(e.bodies)-1])
			if err != nil {
				t.Fatal(err)
			}
			if title := text(t, form.Get(c.param), "title"); title == "" || utf8.RuneCountInString(title) > 60 || strings.Contains(title, "\n") {
				t.Errorf("%s: the parameter is %q", name, title)
			}
		}
		r := e.requests[0]
		if !strings.HasPrefix(r.Header.Get("Authorization"), "ACS3-HMAC-SHA256 Credential=LTAIxyz,SignedHeaders=content-type;host;x-acs-action;") || r.Header.Get("X-Acs-Action") != c.action {
			t.Errorf("%s: headers %v", name, r.Header)
		}
		// What the server would compute of what arrived.
		signed := map[string]string{"host": r.Host}
		for _, h := range []string{"content-type", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"} {
			signed[h] = r.Header.Get(h)
		}
		if want := notifiers.SignAliyun("LTAIxyz", secret.New("aliyun-secret"), notifiers.CloudRequest{Headers: signed, Body: []byte(e.bodies[0])}); want != r.Header.Get("Authorization") || signed["x-acs-content-sha256"] != r.Header.Get("X-Acs-Content-Sha256") {
			t.Errorf("%s: signed %q, want %q", name, r.Header.Get("Authorization"), want)
		}
		if a, b := e.requests[0].Header.Get("X-Acs-Signature-Nonce"), e.requests[1].Header.Get("X-Acs-Signature-Nonce"); a == b || len(a) != 32 {
			t.Errorf("%s: nonces %q and %q", name, a, b)
		}
	}
}

func TestTheTemplatesForTencent(t *testing.T) {
	for name, c := range map[string]struct {
		service, action, version, answer string
		values                           map[string]secret.Secret
	}{
		"tencent-sms":   {"sms", "SendSms", "2021-01-11", `{"Response":{"SendStatusSet":[{"Code":"Ok","Message":"send success"}],"RequestId":"1"}}`, values("number", "+8613800138000", "sdk_app_id", "1400", "sign_name", "守护者", "template_id", "1")},
		"tencent-voice": {"vms", "SendTtsVoice", "2020-09-02", `{"Response":{"SendStatus":{"CallId":"1"},"RequestId":"1"}}`, values("number", "+8613800138000", "sdk_app_id", "1400", "template_id", "1")},
	} {
		e := answering(t, http.StatusOK, c.answer)
		now := time.Unix(1700000000, 0)
		channel := build(t, "webhook", &notifiers.WebhookSettings{
			URL: secret.New(e.URL), Template: shipped(t, name), ContentType: "application/json",
			Values: c.values, Tencent: &notifiers.TencentCall{SecretID: "AKIDxyz", SecretKey: secret.New("tencent-secret"), Service: c.service, Action: c.action, Version: c.version, Region: "ap-guangzhou"},
		}, notifiers.Env{Now: func() time.Time { return now }})
		for _, n := range strange() {
			if err := channel.Send(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if title := text(t, e.bodies[len(e.bodies)-1], "TemplateParamSet", 0); title == "" || utf8.RuneCountInString(title) > 60 {
				t.Errorf("%s: the parameter is %q", name, title)
			}
		}
		r := e.requests[0]
		want := notifiers.SignTencent("AKIDxyz", secret.New("tencent-secret"), c.service, now, notifiers.CloudRequest{Body: []byte(e.bodies[0]), Headers: map[string]string{
			"content-type": r.Header.Get("Content-Type"), "host": r.Host, "x-tc-action": strings.ToLower(c.action),
		}})
		if r.Header.Get("Authorization") != want || r.Header.Get("X-Tc-Timestamp") != "1700000000" || r.Header.Get("X-Tc-Region") != "ap-guangzhou" {
			t.Errorf("%s: headers %v, want %s", name, r.Header, want)
		}
	}
}

// The examples of the vendors' own documentation.
func TestSignaturesOfClouds(t *testing.T) {
	aliyun := notifiers.SignAliyun("YourAccessKeyId", secret.New("YourAccessKeySecret"), notifiers.CloudRequest{
		Query: "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai",
		Headers: map[string]string{
			"host": "ecs.cn-shanghai.aliyuncs.com", "x-acs-action": "RunInstances", "x-acs-version": "2014-05-26",
			"x-acs-date": "2023-10-26T10:22:32Z", "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
		},
	})
	if want := "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"; aliyun != want {
		t.Errorf("got %s\nwant %s", aliyun, want)
	}
	stars := strings.Repeat("*", 32)
	tencent := notifiers.SignTencent("AKID"+stars, secret.New(stars), "cvm", time.Unix(1551113065, 0), notifiers.CloudRequest{
		Headers: map[string]string{"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com", "x-tc-action": "describeinstances"},
		Body:    []byte(`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`),
	})
	if want := "TC3-HMAC-SHA256 Credential=AKID" + stars + "/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host;x-tc-action, Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"; tencent != want {
		t.Errorf("got %s\nwant %s", tencent, want)
	}
}

func TestErrorsOfClouds(t *testing.T) {
	for _, c := range []struct {
		vendor string
		status int
		body   string
		retry  bool
		want   string
	}{
		{"aliyun", 200, `{"Code":"isv.BUSINESS_LIMIT_CONTROL","Message":"触发小时级流控"}`, true, "触发小时级流控"},
		{"aliyun", 400, `{"Code":"Throttling.User","Message":"Request was denied"}`, true, "Throttling.User"},
		{"aliyun", 400, `{"Code":"SignatureDoesNotMatch","Message":"wrong"}`, false, "check the access key"},
		{"aliyun", 200, `{"Code":"isv.AMOUNT_NOT_ENOUGH","Message":"账户余额不足"}`, false, "top it up"},
		{"aliyun", 200, `{"Code":"isv.MOBILE_NUMBER_ILLEGAL","Message":"x"}`, false, "check the numbers"},
		{"aliyun", 200, `{"Code":"isp.SYSTEM_ERROR","Message":"x"}`, true, "isp.SYSTEM_ERROR"},
		{"aliyun", 200, `{}`, true, "Code"},
		{"aliyun", 503, `{}`, true, "503"},
		{"tencent", 200, `{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"x"},"RequestId":"1"}}`, false, "check the access key"},
		{"tencent", 200, `{"Response":{"SendStatusSet":[{"Code":"LimitExceeded.PhoneNumberDailyLimit","Message":"x"}],"RequestId":"1"}}`, true, "DailyLimit"},
		{"tencent", 200, `{"Response":{"SendStatusSet":[{"Code":"FailedOperation.InsufficientBalanceInSmsPackage","Message":"x"}],"RequestId":"1"}}`, false, "top it up"},
		{"tencent", 200, `{"Response":{"Error":{"Code":"InternalError","Message":"x"},"RequestId":"1"}}`, true, "InternalError"},
		{"tencent", 200, `ok`, true, "Response"},
	} {
		e := answering(t, c.status, c.body)
		s := &notifiers.WebhookSettings{URL: secret.New(e.URL), Template: "x={{urlquery .Title}}", ContentType: "application/x-www-form-urlencoded"}
		if c.vendor == "aliyun" {
			s.Aliyun = &notifiers.AliyunCall{AccessKeyID: "a", AccessKeySecret: secret.New("secret-4711"), Action: "SendSms", Version: "2017-05-25"}
		} else {
			s.Tencent = &notifiers.TencentCall{SecretID: "a", SecretKey: secret.New("secret-4711"), Service: "sms", Action: "SendSms", Version: "2021-01-11"}
		}
		err := build(t, "webhook", s, notifiers.Env{}).Send(t.Context(), outage())
		var retry *notifiers.Retry
		if err == nil || errors.As(err, &retry) != c.retry || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %d %s: got %T %v, want one that says %q, retry %v", c.vendor, c.status, c.body, err, err, c.want, c.retry)
		}
	}
}

func TestAlertmanagersPayload(t *testing.T) {
	e := answering(t, http.StatusOK, "")
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New(e.URL), Payload: "alertmanager"}, notifiers.Env{Receiver: "oncall", ExternalURL: "https://guardian.example.com"})
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	n := outage()
	n.Group = &notifiers.Group{
		Key: `{}/{tier="critical"}:{service="order-sync"}`, Labels: map[string]string{"service": "order-sync"},
		Alerts: []notifiers.Alert{
			{Labels: map[string]string{"alertname": "A", "service": "order-sync", "shop": "1"}, Annotations: map[string]string{"summary": "s"}, StartsAt: at, GeneratorURL: "https://g/1", Fingerprint: "0000000000000001"},
			{Labels: map[string]string{"alertname": "A", "service": "order-sync", "shop": "2"}, Annotations: map[string]string{"summary": "s", "x": "y"}, StartsAt: at, EndsAt: at.Add(time.Minute), Fingerprint: "0000000000000002"},
		},
	}
	if err := c.Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	want := `{"version":"4","groupKey":"{}/{tier=\"critical\"}:{service=\"order-sync\"}","truncatedAlerts":0,"status":"firing","receiver":"oncall",` +
		`"groupLabels":{"service":"order-sync"},"commonLabels":{"alertname":"A","service":"order-sync"},"commonAnnotations":{"summary":"s"},"externalURL":"https://guardian.example.com","alerts":[` +
		`{"status":"firing","labels":{"alertname":"A","service":"order-sync","shop":"1"},"annotations":{"summary":"s"},"startsAt":"2026-11-22T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"https://g/1","fingerprint":"0000000000000001"},` +
		`{"status":"resolved","labels":{"alertname":"A","service":"order-sync","shop":"2"},"annotations":{"summary":"s","x":"y"},"startsAt":"2026-11-22T10:00:00Z","endsAt":"2026-11-22T10:01:00Z","generatorURL":"","fingerprint":"0000000000000002"}]}`
	if diff := cmp.Diff(want, e.bodies[0]); diff != "" {
		t.Error(diff)
	}

	// A notice that is about no alerts is one alert, which resolves when the news is good.
	verdict := outage()
	verdict.Labels, verdict.Created = map[string]string{"service": "order-sync", "kind": "watch"}, at
	good := verdict
	good.Tone = notifiers.Good
	for _, n := range []notifiers.Notice{verdict, good, {}} {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if text(t, e.bodies[1], "status") != "firing" || text(t, e.bodies[2], "status") != "resolved" || text(t, e.bodies[2], "alerts", 0, "endsAt") != "2026-11-22T10:00:00Z" {
		t.Errorf("%s\n%s", e.bodies[1], e.bodies[2])
	}
	if text(t, e.bodies[1], "alerts", 0, "fingerprint") != text(t, e.bodies[2], "alerts", 0, "fingerprint") || text(t, e.bodies[1], "alerts", 0, "annotations", "summary") != "推单失败" || text(t, e.bodies[1], "commonLabels", "alertname") == "" {
		t.Errorf("%s\n%s", e.bodies[1], e.bodies[2])
	}
}

func TestMistakesOfTemplatesAreFoundWhenTheyAreLoaded(t *testing.T) {
	hook := secret.New("https://gateway.test/x")
	for name, c := range map[string]struct {
		s    notifiers.WebhookSettings
		want string
	}{
		"a syntax error":          {notifiers.WebhookSettings{URL: hook, Template: "{\n{{.Title}", ContentType: "application/json"}, "template: body:2"},
		"an unknown field":        {notifiers.WebhookSettings{URL: hook, Template: "{{.Titel}}", ContentType: "text/plain"}, "Titel"},
		"an unknown function":     {notifiers.WebhookSettings{URL: hook, Template: "{{jsn .Title}}", ContentType: "text/plain"}, `"jsn" not defined`},
		"a text that is not JSON": {notifiers.WebhookSettings{URL: hook, Template: `{"t": "{{.Title}}"}`, ContentType: "application/json"}, "write texts with the function json"},
		"a value that is not set": {notifiers.WebhookSettings{URL: hook, Template: `{"k": {{value "key" | json}}}`, ContentType: "application/json"}, `values has no "key"`},
		"nothing":                 {notifiers.WebhookSettings{URL: hook, Template: `{{if eq .Tone "bad"}}{}{{end}}`, ContentType: "application/json"}, "makes nothing of"},
		"no template":             {notifiers.WebhookSettings{URL: hook, Payload: "template"}, "template: is missing"},
		"two payloads":            {notifiers.WebhookSettings{URL: hook, Payload: "alertmanager", Template: "{}", ContentType: "application/json"}, "not used with payload alertmanager"},
		"a half cloud":            {notifiers.WebhookSettings{URL: hook, Aliyun: &notifiers.AliyunCall{AccessKeyID: "a b"}}, "aliyun.access_key_secret: is missing"},
		"two authorizations":      {notifiers.WebhookSettings{URL: hook, Token: secret.New("x"), Tencent: &notifiers.TencentCall{SecretID: "a", SecretKey: secret.New("x"), Service: "sms", Action: "A", Version: "1"}}, "one Authorization"},
	} {
		if err := c.s.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one that says %q", name, err, c.want)
		}
	}
}

// Values of a template are secrets, and are redacted where a server quotes them.
func TestValuesOfATemplateAreSecrets(t *testing.T) {
	e := answering(t, http.StatusForbidden, `{"message":"routing_key key-4711-4711 is unknown"}`)
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New(e.URL), Template: `{"k":{{value "k" | json}}}`, ContentType: "application/json", Values: values("k", "key-4711-4711")}, notifiers.Env{})
	err := c.Send(t.Context(), outage())
	if err == nil || strings.Contains(err.Error(), "4711") || !strings.Contains(e.bodies[0], "key-4711-4711") {
		t.Errorf("got %v for %s", err, e.bodies)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "4711") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// Each shipped template is documented and tested.
func TestEveryShippedTemplateIsDocumented(t *testing.T) {
	files, err := os.ReadDir("../configs/templates")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/channels.md")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("webhook_template_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(string(page), "templates/"+f.Name()) {
			t.Errorf("docs/channels.md does not say how to use %s", f.Name())
		}
		if !regexp.MustCompile(`"` + regexp.QuoteMeta(strings.TrimSuffix(f.Name(), ".tmpl")) + `"`).Match(own) {
			t.Errorf("%s has no test", f.Name())
		}
	}
}
