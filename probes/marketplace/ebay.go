package marketplace

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" // what eBay signs its notifications with
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ebay is the REST APIs (developer.ebay.com). Quotas are by app and day and only told by an
// operation of their own, getRateLimits.
func ebay() Platform {
	return Platform{
		Name: "ebay", Title: "eBay",
		Hosts:   []string{"api.ebay.com", "apiz.ebay.com"},
		Sandbox: Sandbox{Hosts: []string{"api.sandbox.ebay.com"}, Create: &Creation{Operation: "testSubscription", Build: func(Order) Message { return Message{Method: "POST", Headers: map[string]string{}} }}, Words: "Shops, keys and users of its own; notifications work there, too."},
		Usage:   FromAPI,
		Operations: []Operation{
			{Name: "getOrders", Method: http.MethodGet, Path: "/sell/fulfillment/v1/order"},
			{Name: "getOrder", Method: http.MethodGet, Path: "/sell/fulfillment/v1/order/{orderId}"},
			{Name: "getRateLimits", Method: http.MethodGet, Path: "/developer/analytics/v1_beta/rate_limit/", PerDay: 5000, Shares: "Analytics"},
			{Name: "getUserRateLimits", Method: http.MethodGet, Path: "/developer/analytics/v1_beta/user_rate_limit/", PerDay: 5000, Shares: "Analytics"},
			{Name: "getPublicKey", Method: http.MethodGet, Path: "/commerce/notification/v1/public_key/{public_key_id}", PerDay: 10000, Shares: "Notification"},
			{Name: "testSubscription", Method: http.MethodPost, Path: "/commerce/notification/v1/subscription/{subscription_id}/test", PerDay: 10000, Shares: "Notification"},
			{Name: "mintToken", Method: http.MethodPost, Path: "/identity/v1/oauth2/token", PerDay: 1000},
		},
		SafeRead: SafeRead{Operation: "getRateLimits", Every: 5 * time.Minute, Why: "288 of 5000 a day, of a quota that orders do not use; do not mint a token for each look: 1000 a day"},
		Push: Push{
			Topic: "ORDER_CONFIRMATION", Build: ebayPush,
			Signed:  true,
			Answer:  Receipt{From: 200, To: 299},
			Retries: "3 times, as the topic pages say",
			Words:   "eBay's own receiver answers 204, and 412 to a wrong signature. Public keys are to be cached for about an hour.",
		},
		Feeds: []Feed{
			{URL: "https://developer.ebay.com/rss/api-deprecation", Format: "rss", Words: "with deprecationDate and decommissionDate as yyyy/mm/dd"},
			{URL: "https://developer.ebay.com/develop/get-started/api-deprecation-status", Format: "html", Words: "the same for people"},
		},
		request:   bearer("Authorization", "Bearer ", nil),
		push:      scheme{sign: ebaySign, verify: ebayVerify},
		challenge: ebayChallenge(),
		faults:    ebayFaults,
		quota:     ebayQuota,
		codes: append([]known{
			{code: "1001", class: CredentialBad, why: "market_token_refused"},
			{code: "1002", class: CredentialBad, why: "market_token_missing"},
			{code: "1003", class: CredentialBad, why: "market_token_type"},
			// The signature of requests that move money: headers that are missing, or a key that is not taken.
			{code: "215001", class: CredentialBad, why: "market_signature_refused"},
			{code: "215002", class: CredentialBad, why: "market_signature_refused"},
			{code: "215120", class: CredentialBad, why: "market_signature_refused"},
			{code: "215122", class: CredentialBad, why: "market_signature_refused"},
			{code: "1100", class: Permission, why: "market_token_scopes"},
			{code: "2001", class: Throttled, why: "market_resource_daily_quota_used"},
			{code: "518", class: Throttled, why: "market_call_daily_quota_used"},
			{contains: "request limit has been reached", uncoded: true, class: Throttled, why: "market_quota_used"},
			{contains: "call usage limit has been reached", uncoded: true, class: Throttled, why: "market_call_daily_quota_used"},
			{code: "931", class: CredentialBad, why: "market_token_refused"},
			{code: "932", class: CredentialBad, why: "market_token_expired"},
		}, refusedTokens()...),
	}
}

type ebaySignature struct {
	Alg       string `json:"alg"`
	Kid       string `json:"kid"`
	Signature string `json:"signature"`
	Digest    string `json:"digest"`
}

const ebayHeader = "x-ebay-signature"

// ebaySign signs as eBay does, with a private key in PEM for the secret: for rehearsals with
// a key pair of one's own, as only eBay has eBay's. The key ID is the app key.
func ebaySign(c Call, k Keys) (Signed, error) {
	if err := needsSecret(k, "a P-256 private key in PEM, of a pair made for the rehearsal"); err != nil {
		return Signed{}, err
	}
	key, err := privateKey(k.Secret.Reveal())
	if err != nil {
		return Signed{}, err
	}
	sum := sha1.Sum(compact(c.Body))
	der, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		return Signed{}, fmt.Errorf("sign the push: %w", err)
	}
	s := ebaySignature{Alg: "ecdsa", Kid: k.AppKey, Signature: base64.StdEncoding.EncodeToString(der), Digest: "SHA1"}
	text, _ := json.Marshal(s) // four strings
	return Signed{Signature: s.Signature, Headers: map[string]string{ebayHeader: base64.StdEncoding.EncodeToString(text)}}, nil
}

// ebayVerify checks ECDSA over SHA-1. eBay signs its JSON without spaces; receivers that
// parsed and printed the body may have lost that form, so both are tried.
func ebayVerify(c Call, k Keys) (Verification, error) {
	if err := needs("public_key", k.PublicKey, "the key in PEM that getPublicKey gives for the kid of the header"); err != nil {
		return Verification{}, err
	}
	key, err := publicKey(k.PublicKey)
	if err != nil {
		return Verification{}, err
	}
	text, v := oneHeader(c.Header, ebayHeader)
	if v != nil {
		return *v, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return invalid("header %s is malformed: it must be JSON in base64", ebayHeader)
	}
	var s ebaySignature
	if err := json.Unmarshal(raw, &s); err != nil {
		return invalid("header %s is malformed: its base64 must hold a JSON object with alg, kid, signature and digest", ebayHeader)
	}
	if !strings.EqualFold(s.Alg, "ecdsa") {
		return invalid("header %s has alg %.20q, want ecdsa", ebayHeader, s.Alg)
	}
	if !strings.EqualFold(s.Digest, "SHA1") {
		return invalid("header %s has digest %.20q, want SHA1", ebayHeader, s.Digest)
	}
	der, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil || len(der) == 0 {
		return invalid("header %s is malformed: its signature must be base64", ebayHeader)
	}
	for _, body := range [][]byte{c.Body, compact(c.Body)} {
		if sum := sha1.Sum(body); ecdsa.VerifyASN1(key, sum[:], der) {
			return valid("header %s is the signature of this body by the given key", ebayHeader)
		}
	}
	return invalid("header %s is not the signature of this body by the given key: another key than that of its kid, or the body was changed", ebayHeader)
}

// ebayChallenge is the proof of an endpoint: the hex SHA-256 of code, token and address.
func ebayChallenge() scheme {
	sign := func(c Call, k Keys) (string, error) {
		err := unusable(
			needs("secret", k.Secret.Reveal(), "the verification token", "callback_url", c.URL, "the endpoint's registered address"),
			needs("query.challenge_code", c.Query["challenge_code"], "the code that eBay asks with"),
		)
		h := sha256.New()
		_, _ = h.Write([]byte(c.Query["challenge_code"] + k.Secret.Reveal() + c.URL))
		return hex.EncodeToString(h.Sum(nil)), err
	}
	return scheme{
		sign: func(c Call, k Keys) (Signed, error) {
			s, err := sign(c, k)
			return Signed{
				Signature: s, Headers: map[string]string{"Content-Type": "application/json"},
				Reason: `answer 200 with the JSON {"challengeResponse": signature}`,
			}, err
		},
		verify: func(c Call, k Keys) (Verification, error) {
			want, err := sign(c, k)
			if err != nil {
				return Verification{}, err
			}
			var body struct {
				Response word `json:"challengeResponse"`
			}
			if !decode(c.Body, &body) {
				return invalid(`body must be the endpoint's answer, {"challengeResponse": "…"}`)
			}
			return compare("challengeResponse", string(body.Response), want)
		},
	}
}

// compact takes the spaces out of a JSON body; other bodies stay as they are.
func compact(body []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, body) != nil {
		return body
	}
	return b.Bytes()
}

// der gives the bytes of a PEM block of which line breaks may be gone, or written as \n.
// The errors never quote the text: it may be a private key.
func der(text, field string) ([]byte, error) {
	text = strings.ReplaceAll(strings.TrimSpace(text), `\n`, "\n")
	if rest, ok := strings.CutPrefix(text, "-----BEGIN "); ok {
		_, rest, ok1 := strings.Cut(rest, "-----")
		body, _, ok2 := strings.Cut(rest, "-----END ")
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%s is no PEM: its -----BEGIN …----- or -----END …----- is cut off", field)
		}
		text = body
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("%s is no PEM: between BEGIN and END there must be base64", field)
	}
	return raw, nil
}

func publicKey(text string) (*ecdsa.PublicKey, error) {
	raw, err := der(text, "public_key")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return nil, errors.New("public_key is PEM, but no public key: it must be a BEGIN PUBLIC KEY block")
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("public_key is not on the curve P-256, on which all of eBay's are")
	}
	return key, nil
}

func privateKey(text string) (*ecdsa.PrivateKey, error) {
	raw, err := der(text, "secret")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParseECPrivateKey(raw)
	if err != nil {
		parsed, _ := x509.ParsePKCS8PrivateKey(raw)
		key, _ = parsed.(*ecdsa.PrivateKey)
	}
	if key == nil || key.Curve != elliptic.P256() {
		return nil, errors.New("secret is no private key on the curve P-256 in PEM")
	}
	return key, nil
}

// ebayFaults reads the errors of the REST APIs, of the Post-Order API, and of the traditional APIs,
// whose answers are XML if nothing else was asked for.
func ebayFaults(a Answer) []fault {
	type one struct {
		ID          word `json:"errorId"`
		Category    word `json:"category"`
		Message     word `json:"message"`
		LongMessage word `json:"longMessage"`
		Code        word `json:"ErrorCode"`
		Severity    word `json:"SeverityCode"`
	}
	var body struct {
		Errors    oneOrMany[one]  `json:"errors"`
		PostOrder json.RawMessage `json:"error"`
		oauthDescription
	}
	decode(fromXML(a.Body), &body)
	list := body.Errors
	if len(list) == 0 && len(body.PostOrder) > 0 && body.PostOrder[0] != '"' {
		_ = json.Unmarshal(body.PostOrder, &list)
	}
	var all []fault
	for _, e := range list {
		if strings.EqualFold(string(e.Severity), "Warning") {
			continue // beside an answer
		}
		f := fault{code: orElse(string(e.ID), string(e.Code)), message: orElse(string(e.LongMessage), string(e.Message))}
		f.theirs = strings.EqualFold(string(e.Category), "APPLICATION")
		f.credential = a.Status < 500 && !f.theirs && signatureRefused(f.message)
		all = append(all, f)
	}
	if len(list) > 0 {
		return all
	}
	var code word
	if len(body.PostOrder) > 0 {
		_ = code.UnmarshalJSON(body.PostOrder)
	}
	if code != "" {
		return []fault{{code: string(code), message: string(body.Description)}}
	}
	return nil
}

type oauthDescription struct {
	Description word `json:"error_description"`
}

// ebayQuota reads the body of getRateLimits and getUserRateLimits, which tells of every
// resource; lists may be empty.
func ebayQuota(a Answer, now time.Time) []Reading {
	var body struct {
		RateLimits oneOrMany[struct {
			Resources oneOrMany[struct {
				Name  word `json:"name"`
				Rates oneOrMany[struct {
					Limit, Remaining, Count, Reset, TimeWindow word
				}] `json:"rates"`
			}] `json:"resources"`
		}] `json:"rateLimits"`
	}
	decode(a.Body, &body)
	var all []Reading
	for _, api := range body.RateLimits {
		for _, resource := range api.Resources {
			for _, rate := range resource.Rates {
				r := Reading{
					Operation: string(resource.Name), Limit: rate.Limit.count(), Remaining: rate.Remaining.left(),
					Used: rate.Count.count(), Source: FromAPI,
				}
				if r.Limit == nil && r.Remaining == nil {
					continue
				}
				if rate.TimeWindow != "" {
					r.Policy = string(rate.TimeWindow) + "s"
				}
				if at, ok := ResetTime(string(rate.Reset), now); ok {
					r.ResetAt = &at
				}
				all = append(all, r)
			}
		}
	}
	return all
}

func ebayPush(o Order) Message {
	type metadata struct {
		Topic         string `json:"topic"`
		SchemaVersion string `json:"schemaVersion"`
		Deprecated    bool   `json:"deprecated"`
	}
	type data struct {
		OrderID string `json:"orderId"` // all that its page says a receiver goes by
	}
	type notification struct {
		ID       string `json:"notificationId"`
		Event    string `json:"eventDate"`
		Publish  string `json:"publishDate"`
		Attempts int    `json:"publishAttemptCount"`
		Data     data   `json:"data"`
	}
	at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
	return post(struct {
		Metadata     metadata     `json:"metadata"`
		Notification notification `json:"notification"`
	}{metadata{"ORDER_CONFIRMATION", "1.0", false}, notification{o.Delivery, at, at, 1, data{o.ID}}}, nil)
}
