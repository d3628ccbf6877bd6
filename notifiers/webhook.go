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

// WebhookSettings is an endpoint of one's own that takes notices as JSON.
type WebhookSettings struct {
	URL    secret.Secret `yaml:"url" doc:"Where notices are posted to as JSON."`
	Secret secret.Secret `yaml:"secret" doc:"Key of the signature in X-Guardian-Signature; leave out for none."`
	Token  secret.Secret `yaml:"token" doc:"Sent as Authorization: Bearer; leave out for none."`
	Expect string        `yaml:"expect" doc:"Text that the answer's body must contain for a notice to count as delivered; empty: any 2xx that reports no error."`
}

// Validate says everything that is wrong with the settings.
func (s *WebhookSettings) Validate() error {
	errs := []error{checkURL("url", s.URL)}
	if strings.ContainsAny(s.Token.Reveal(), "\r\n") {
		errs = append(errs, errors.New("token: has a line break"))
	}
	return errors.Join(errs...)
}

// webhookBytes bounds the body of a notice.
const webhookBytes = 256 << 10

func webhookKind() Kind {
	return Kind{
		Settings: func() any { return &WebhookSettings{} },
		// Machines read every notice: none are merged.
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
	// By pointer: fmt does not look behind one, but would show secrets in a value that is
	// kept unexported.
	settings *WebhookSettings
	poster   *poster
}

// Send implements Channel. The notice's ID is the idempotency key: it is the same in every
// attempt.
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
	return c.meaning(a.body)
}

// SignWebhook is what X-Guardian-Signature holds: "v0=" and in hex HMAC-SHA256(key: secret,
// message: "v0:" + X-Guardian-Timestamp + ":" + body), the scheme of Slack's requests. A
// receiver should compare in constant time and refuse timestamps older than five minutes.
func SignWebhook(key secret.Secret, seconds int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = fmt.Fprintf(mac, "v0:%d:", seconds)
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// meaning reads the answer's body. Many gateways report errors under HTTP 200, so the
// common ways to do so are not taken for a delivery.
func (c *webhookChannel) meaning(body []byte) error {
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
	// What is not JSON, or no object, says nothing here: the status speaks.
	_ = json.Unmarshal(body, &said)
	code := strings.Trim(string(said.ErrCode), `"`)
	bad := code != "" && code != "0" && code != "null"
	if bad || (said.OK != nil && !*said.OK) || (said.Success != nil && !*said.Success) {
		return &Retry{Err: fmt.Errorf("the answer reports an error: %s", c.poster.excerpt(body))}
	}
	return nil
}
