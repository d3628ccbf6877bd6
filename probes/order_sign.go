package probes

import (
	"crypto/hmac"
	"crypto/sha1" // some platforms still sign with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/url"
	"strings"
)

// validate joins every mistake.
func (s *Sign) validate() error {
	var errs []error
	if _, err := s.hash(); err != nil {
		errs = append(errs, err)
	}
	if _, err := s.encode(nil); err != nil {
		errs = append(errs, err)
	}
	if !s.Secret.IsSet() {
		errs = append(errs, errors.New("push.sign.secret is missing"))
	}
	if !validHeaderName(s.Header) {
		errs = append(errs, fmt.Errorf("push.sign.header %q is not a header name", s.Header))
	}
	if _, err := compileText("push.sign.content", s.Content); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Sign) hash() (func() hash.Hash, error) {
	switch s.Algorithm {
	case "", "hmac-sha256":
		return sha256.New, nil
	case "hmac-sha1":
		return sha1.New, nil
	default:
		return nil, fmt.Errorf("push.sign.algorithm %q is not one of hmac-sha256, hmac-sha1", s.Algorithm)
	}
}

func (s *Sign) encode(sum []byte) (string, error) {
	switch s.Encoding {
	case "", "hex":
		return hex.EncodeToString(sum), nil
	case "upper_hex":
		return strings.ToUpper(hex.EncodeToString(sum)), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(sum), nil
	default:
		return "", fmt.Errorf("push.sign.encoding %q is not one of hex, upper_hex, base64", s.Encoding)
	}
}

// sign adds the header with the signature to a push. The body is signed if content is left out;
// Shopee signs {{.URL}}|{{.Body}}, Lazada and TikTok Shop {{.AppKey}}{{.Body}} with AppKey in vars.
func (s *Sign) sign(out *outgoing, d templateData) error {
	content := string(out.body)
	if s.Content != "" {
		t, err := compileText("push.sign.content", s.Content)
		if err != nil {
			return err
		}
		u, err := url.Parse(out.url)
		if err != nil {
			return errors.New("push.url is not an address")
		}
		d = d.with("Body", content).with("URL", out.url).with("Path", u.EscapedPath())
		if content, err = t.render(d); err != nil {
			return fmt.Errorf("push.sign.content: %w", err)
		}
	}
	algorithm, err := s.hash()
	if err != nil {
		return err
	}
	mac := hmac.New(algorithm, []byte(s.Secret.Reveal()))
	_, _ = mac.Write([]byte(content))
	text, err := s.encode(mac.Sum(nil))
	if err != nil {
		return err
	}
	out.headers[s.Header] = s.Prefix + text
	return nil
}
