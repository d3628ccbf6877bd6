package notifiers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"unicode/utf8"

	"guardian/internal/secret"
)

// WebhookSettings configures an HTTP endpoint that receives notices.
type WebhookSettings struct {
	URL         secret.Secret            `yaml:"url" doc:"URL to which notices are posted."`
	Payload     string                   `yaml:"payload" enum:"guardian,alertmanager,template" doc:"The body: guardian's own JSON, Alertmanager's webhook payload of version 4, or what template makes. Default: guardian, or template if one is set."`
	Template    string                   `yaml:"template" doc:"A Go template of the body, or a file with one: ${file:templates/pagerduty.tmpl}. The check of the configuration runs it with examples."`
	ContentType string                   `yaml:"content_type" doc:"Type of the body that template makes: application/json, which is checked to be JSON, or another one."`
	Values      map[string]secret.Secret `yaml:"values" doc:"Secrets and other values that template reads: {{value \"routing_key\"}}."`
	Secret      secret.Secret            `yaml:"secret" doc:"Key of the signature in X-Guardian-Signature; default: no signature."`
	Token       secret.Secret            `yaml:"token" doc:"Token for Authorization: Bearer; default: none."`
	Aliyun      *AliyunCall              `yaml:"aliyun" doc:"Sign the request as a call of an Alibaba Cloud API, such as SMS and voice."`
	Tencent     *TencentCall             `yaml:"tencent" doc:"Sign the request as a call of a Tencent Cloud API, such as SMS and voice."`
	Expect      string                   `yaml:"expect" doc:"Text that the body of the answer must contain for a notice to count as delivered; default: any 2xx without a reported error."`
}

// Validate returns all mistakes in the settings.
func (s *WebhookSettings) Validate() error {
	errs := []error{checkURL("url", s.URL)}
	if strings.ContainsAny(s.Token.Reveal(), "\r\n") {
		errs = append(errs, errors.New("token: has a line break"))
	}
	switch {
	case s.Payload == "template" && s.Template == "":
		errs = append(errs, errors.New("template: is missing"))
	case s.Template != "" && s.Payload != "" && s.Payload != "template":
		errs = append(errs, fmt.Errorf("template: is not used with payload %s", s.Payload))
	case s.Template != "":
		if err := tryTemplate(s); err != nil {
			errs = append(errs, fmt.Errorf("template: %w", err))
		}
	}
	if s.Aliyun != nil {
		errs = append(errs, s.Aliyun.mistakes()...)
	}
	if s.Tencent != nil {
		errs = append(errs, s.Tencent.mistakes()...)
	}
	signed := 0
	for _, used := range []bool{s.Token.IsSet(), s.Aliyun != nil, s.Tencent != nil} {
		if used {
			signed++
		}
	}
	if signed > 1 {
		errs = append(errs, errors.New("token: a request has one Authorization: set only one of token, aliyun and tencent"))
	}
	return errors.Join(errs...)
}

// webhookBytes is the longest body that is sent.
const webhookBytes = 256 << 10

func webhookKind() Kind {
	return Kind{
		Settings: func() any { return &WebhookSettings{ContentType: "application/json"} },
		// Programs process each notice: they are merged only when the budget is short.
		Budget: Budget{MergeAt: -1, MergeMax: 200, Parallel: mostAtOnce},
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*WebhookSettings)
			if !ok {
				return nil, fmt.Errorf("webhook: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("webhook: %w", err)
			}
			own := *s
			secrets := []secret.Secret{s.URL, s.Secret, s.Token}
			for _, v := range s.Values {
				secrets = append(secrets, v)
			}
			if s.Aliyun != nil {
				secrets = append(secrets, s.Aliyun.AccessKeySecret)
			}
			if s.Tencent != nil {
				secrets = append(secrets, s.Tencent.SecretKey)
			}
			c := &webhookChannel{settings: &own, poster: newPoster(env, secrets...), receiver: env.Receiver, externalURL: env.ExternalURL}
			if s.Template != "" {
				var err error
				if c.template, err = parseTemplate(s); err != nil {
					return nil, fmt.Errorf("webhook: template: %w", err)
				}
			}
			return c, nil
		},
	}
}

type webhookChannel struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *WebhookSettings
	poster   *poster
	template *template.Template // nil: the payload is not by template

	receiver, externalURL string
}

// Send implements Channel. The idempotency key is the notice's ID, the same in every attempt.
func (c *webhookChannel) Send(ctx context.Context, n Notice) error {
	body, err := c.body(n)
	if err != nil {
		return &Permanent{Err: err}
	}
	header := map[string]string{"Idempotency-Key": n.ID}
	if c.template != nil {
		header["Content-Type"] = c.settings.ContentType
	}
	if c.settings.Secret.IsSet() {
		seconds := c.poster.now().Unix()
		header["X-Guardian-Timestamp"] = strconv.FormatInt(seconds, 10)
		header["X-Guardian-Signature"] = SignWebhook(c.settings.Secret, seconds, body)
	}
	if c.settings.Token.IsSet() {
		header["Authorization"] = "Bearer " + c.settings.Token.Reveal()
	}
	to := c.settings.URL.Reveal()
	if c.settings.Aliyun != nil {
		c.settings.Aliyun.sign(header, to, body, c.poster.now())
	}
	if c.settings.Tencent != nil {
		c.settings.Tencent.sign(header, to, body, c.poster.now())
	}
	a, err := c.poster.post(ctx, to, body, header)
	var p *Permanent
	if c.settings.Aliyun != nil && errors.As(err, &p) && strings.Contains(string(a.body), `"Code"`) {
		return aliyunAnswer(c.poster, a.body) // it reports its rate limit with HTTP 400
	}
	if err != nil {
		return err
	}
	return c.checkAnswer(a.body)
}

// body renders a notice as the settings say.
func (c *webhookChannel) body(n Notice) (body []byte, err error) {
	fit(n, utf8.RuneLen, func(n Notice) bool {
		switch {
		case c.template != nil:
			body, err = runTemplate(c.template, n)
		case c.settings.Payload == "alertmanager":
			body, err = encode(alertmanagerPayload(n, c.receiver, c.externalURL))
		default:
			body, err = encode(n)
		}
		return err != nil || len(body) <= webhookBytes
	})
	return body, err
}

// SignWebhook computes X-Guardian-Signature: "v0=" and, in hex, HMAC-SHA256(key: secret,
// message: "v0:" + X-Guardian-Timestamp + ":" + body), the same scheme as Slack's. The
// endpoint should compare in constant time and reject timestamps older than five minutes.
func SignWebhook(key secret.Secret, seconds int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = fmt.Fprintf(mac, "v0:%d:", seconds)
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// checkAnswer checks the body of a 2xx answer for the usual ways to report an error, because
// many gateways report errors with HTTP 200.
func (c *webhookChannel) checkAnswer(body []byte) error {
	if c.settings.Aliyun != nil {
		return aliyunAnswer(c.poster, body)
	}
	if c.settings.Tencent != nil {
		return tencentAnswer(c.poster, body)
	}
	if c.settings.Expect != "" {
		if strings.Contains(string(body), c.settings.Expect) {
			return nil
		}
		return &Retry{Err: fmt.Errorf("the answer does not contain %q but is %q", c.settings.Expect, c.poster.excerpt(body))}
	}
	var said struct {
		ErrCode json.RawMessage `json:"errcode"`
		OK      *bool           `json:"ok"`
		Success *bool           `json:"success"`
	}
	// A body that is not a JSON object cannot report an error in this way.
	_ = json.Unmarshal(body, &said)
	code := strings.Trim(string(said.ErrCode), `"`)
	bad := code != "" && code != "0" && code != "null"
	if bad || (said.OK != nil && !*said.OK) || (said.Success != nil && !*said.Success) {
		return &Retry{Err: fmt.Errorf("the answer reports an error: %s", c.poster.excerpt(body))}
	}
	return nil
}
