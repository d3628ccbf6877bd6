package marketplace

import (
	"bytes"
	"crypto/md5" // what Temu signs with
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// temu is the Temu Open Platform. Little of it is published: this comes from client code.
func temu() Platform {
	return Platform{
		Name: "temu", Title: "Temu",
		Hosts:   []string{"openapi-b-us.temu.com", "openapi-b-eu.temu.com", "openapi-b-global.temu.com"},
		Sandbox: Sandbox{Words: "None is known."},
		Usage:   Inferred,
		Operations: []Operation{
			{Name: "bg.order.list.v2.get", Method: http.MethodPost, Path: "/openapi/router"},
		},
		SafeRead: SafeRead{Operation: "bg.order.list.v2.get", Every: 5 * time.Minute, Why: "one page of one order; a limit of 20 a second is said, and not by Temu"},
		Push: Push{
			Retries: "8 times, then it is dropped",
			Words:   "Format and signature are not published: there is nothing to build or to verify.",
		},
		complete: temuComplete, signedIn: "body",
		request: scheme{sign: temuSign, verify: temuVerify},
		push:    unsigned("the signature of Temu's pushes is not published: fetch the order to be sure", nil),
		faults: single(func(a Answer) fault {
			var body struct {
				Success *bool `json:"success"`
				Code    word  `json:"errorCode"`
				Message word  `json:"errorMsg"`
			}
			if !decode(a.Body, &body) {
				return fault{unreadable: true}
			}
			if body.Success == nil || *body.Success {
				return fault{}
			}
			return fault{code: orElse(string(body.Code), "success is false"), message: string(body.Message)}
		}),
		// Temu's codes are not published: only the messages can be interpreted.
		codes: []known{
			{contains: "too many requests", class: Throttled, why: "market_too_fast"},
			{contains: "rate limit", class: Throttled, why: "market_too_fast"},
			{contains: "too frequent", class: Throttled, why: "market_too_fast"},
			{contains: "frequency", class: Throttled, why: "market_too_fast"},
			{contains: "access_token", class: CredentialBad, why: "market_token_refused"},
			{contains: "access token", class: CredentialBad, why: "market_token_refused"},
			{contains: "app_key", class: CredentialBad, why: "market_app_key_refused"},
			{contains: "signature", class: CredentialBad, why: "market_signature_refused"},
			{contains: "sign is", class: CredentialBad, why: "market_signature_refused"},
			{contains: "sign error", class: CredentialBad, why: "market_signature_refused"},
			{contains: "invalid sign", class: CredentialBad, why: "market_signature_refused"},
			{contains: "permission", class: Permission, why: "market_app_not_allowed"},
			{contains: "system e", class: TheirFault, why: "market_internal_error"},
		},
	}
}

// temuParams are the parameters that are signed: those of the JSON body, or of the query
// where there is no body. Values that are no strings are signed as their compact JSON.
func temuParams(c Call) (map[string]string, error) {
	if len(bytes.TrimSpace(c.Body)) == 0 {
		return c.Query, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(c.Body, &members); err != nil || members == nil {
		return nil, unlikeError{errors.New("body is not a JSON object: its members are what Temu signs")}
	}
	params := map[string]string{}
	for name, value := range members {
		if string(value) == "null" {
			continue
		}
		text := string(compact(value))
		if value[0] == '"' {
			_ = json.Unmarshal(value, &text) // it was valid a moment ago
		}
		params[name] = text
	}
	return params, nil
}

func temuDigest(c Call, k Keys) (digest, came string, err error) {
	if err := needsSecret(k, "the app secret"); err != nil {
		return "", "", err
	}
	params, err := temuParams(c)
	if err != nil {
		return "", "", err
	}
	if len(params) == 0 {
		return "", "", unlikeError{missing("body", "the JSON object whose members are signed, or query with the same")}
	}
	secret := k.Secret.Reveal()
	sum := md5.Sum([]byte(secret + sorted(params, "sign") + secret))
	return strings.ToUpper(hex.EncodeToString(sum[:])), params["sign"], nil
}

func temuSign(c Call, k Keys) (Signed, error) {
	digest, _, err := temuDigest(c, k)
	return Signed{Signature: digest}, err
}

func temuVerify(c Call, k Keys) (Verification, error) {
	want, came, err := temuDigest(c, k)
	if err != nil {
		return Verification{}, err
	}
	return compare("sign", orElse(came, c.Query["sign"]), want)
}
