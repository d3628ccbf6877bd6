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
	"unicode/utf8"

	"guardian/internal/secret"
)

// WebhookSettings configures an HTTP endpoint that receives notices as JSON.
type WebhookSettings struct {
	URL    secret.Secret `yaml:"url" doc:"URL to which notices are posted as JSON."`
	Secret secret.Secret `yaml:"secret" doc:"Key of the signature in X-Guardian-Signature; default: no signature."`
	Token  secret.Secret `yaml:"token" doc:"Token for Authorization: Bearer; default: none."`
	Expect string        `yaml:"expect" doc:"Text that the body of the answer must contain for a notice to count as delivered; default: any 2xx without a reported error."`
}

// Validate returns all mistakes in the settings.
func (s *WebhookSettings) Validate() error {
	errs := []error{checkURL("url", s.URL)}
	if strings.ContainsAny(s.Token.Reveal(), "\r\n") {
		errs = append(errs, errors.New("token: has a line break"))
	}
	return errors.Join(errs...)
}

// webhookBytes is the longest body that is sent.
const webhookBytes = 256 << 10

func webhookKind() Kind {
	return Kind{
		Settings: func() any { return &WebhookSettings{} },
		// Programs process each notice: they are merged only when the budget is short.
		Budget: Budget{MergeAt: -1},
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*WebhookSettings)
			if !ok {
				return nil, fmt.Errorf("webhook: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("webhook: %w", err)
			}
			own := *s
			return &webhookChannel{settings: &own, poster: newPoster(env, s.URL, s.Secret, s.Token)}, nil
		},
	}
}

type webhookChannel struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *WebhookSettings
	poster   *poster
}

// Send implements Channel. The idempotency key is the notice's ID, the same in every attempt.
func (c *webhookChannel) Send(ctx context.Context, n Notice) error {
	var body []byte
	var failed error
	fit(n, utf8.RuneLen, func(n Notice) bool {
		body, failed = encode(n)
		return failed != nil || len(body) <= webhookBytes
	})
	if failed != nil {
		return &Permanent{Err: failed}
	}
	header := map[string]string{"Idempotency-Key": n.ID}
	if c.settings.Secret.IsSet() {
		seconds := c.poster.now().Unix()
		header["X-Guardian-Timestamp"] = strconv.FormatInt(seconds, 10)
		header["X-Guardian-Signature"] = SignWebhook(c.settings.Secret, seconds, body)
	}
	if c.settings.Token.IsSet() {
		header["Authorization"] = "Bearer " + c.settings.Token.Reveal()
	}
	a, err := c.poster.post(ctx, c.settings.URL.Reveal(), body, header)
	if err != nil {
		return err
	}
	return c.checkAnswer(a.body)
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
