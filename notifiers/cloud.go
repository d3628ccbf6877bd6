package notifiers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/internal/secret"
)

// AliyunCall signs requests of a webhook as calls of an Alibaba Cloud API (signature V3).
type AliyunCall struct {
	AccessKeyID     string        `yaml:"access_key_id" required:"true" doc:"ID of the access key."`
	AccessKeySecret secret.Secret `yaml:"access_key_secret" required:"true" doc:"Secret of the access key; best one of a RAM user that may only send messages."`
	Action          string        `yaml:"action" required:"true" doc:"Name of the operation, such as SendSms or SingleCallByTts."`
	Version         string        `yaml:"version" required:"true" doc:"Version of the API, such as 2017-05-25."`
}

// TencentCall signs requests of a webhook as calls of a Tencent Cloud API (signature v3).
type TencentCall struct {
	SecretID  string        `yaml:"secret_id" required:"true" doc:"ID of the API key."`
	SecretKey secret.Secret `yaml:"secret_key" required:"true" doc:"Secret of the API key; best one of a sub-user that may only send messages."`
	Service   string        `yaml:"service" required:"true" doc:"Name of the service, such as sms or vms; the first part of the URL's host."`
	Action    string        `yaml:"action" required:"true" doc:"Name of the operation, such as SendSms or SendTtsVoice."`
	Version   string        `yaml:"version" required:"true" doc:"Version of the API, such as 2021-01-11."`
	Region    string        `yaml:"region" doc:"Region, such as ap-guangzhou; default: none."`
}

func (c *AliyunCall) mistakes() []error {
	return absent("aliyun", c.AccessKeySecret, map[string]string{"access_key_id": c.AccessKeyID, "action": c.Action, "version": c.Version}, "access_key_secret")
}

func (c *TencentCall) mistakes() []error {
	return absent("tencent", c.SecretKey, map[string]string{"secret_id": c.SecretID, "service": c.Service, "action": c.Action, "version": c.Version}, "secret_key")
}

// absent lists the settings that are empty or cannot be in a header.
func absent(section string, key secret.Secret, values map[string]string, keyName string) []error {
	var errs []error
	if !key.IsSet() {
		errs = append(errs, fmt.Errorf("%s.%s: is missing", section, keyName))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] == "" {
			errs = append(errs, fmt.Errorf("%s.%s: is missing", section, name))
		} else if strings.ContainsAny(values[name], " \r\n,;/") {
			errs = append(errs, fmt.Errorf("%s.%s: %q is not a name", section, name, values[name]))
		}
	}
	return errs
}

// sign adds the headers of a signed call.
func (c *AliyunCall) sign(header map[string]string, to string, body []byte, now time.Time) {
	u, err := url.Parse(to)
	if err != nil { // Validate parsed it
		return
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // it never fails
	signed := map[string]string{
		"host": u.Host, "x-acs-action": c.Action, "x-acs-version": c.Version, "x-acs-date": now.UTC().Format(time.RFC3339),
		"x-acs-signature-nonce": hex.EncodeToString(nonce), "content-type": header["Content-Type"],
	}
	authorization := SignAliyun(c.AccessKeyID, c.AccessKeySecret, CloudRequest{Query: u.RawQuery, Headers: signed, Body: body})
	for k, v := range signed {
		if k != "host" && k != "content-type" {
			header[k] = v
		}
	}
	header["Authorization"] = authorization
}

// CloudRequest is a POST request to the path / that is to be signed.
type CloudRequest struct {
	Query   string            // sorted and escaped
	Headers map[string]string // those that are signed, with names in lower case
	Body    []byte
}

// canonical returns the request in the form that is hashed, and the names of the signed headers.
func (r CloudRequest) canonical() (request, names string) {
	var lines strings.Builder
	sorted := slices.Sorted(maps.Keys(r.Headers))
	for _, k := range sorted {
		_, _ = fmt.Fprintf(&lines, "%s:%s\n", k, strings.TrimSpace(r.Headers[k]))
	}
	names = strings.Join(sorted, ";")
	return strings.Join([]string{"POST", "/", r.Query, lines.String(), names, hashHex(r.Body)}, "\n"), names
}

// SignAliyun computes the header Authorization of a call of an Alibaba Cloud API, and adds
// x-acs-content-sha256 to the headers. See
// https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature.
func SignAliyun(id string, key secret.Secret, r CloudRequest) string {
	r.Headers["x-acs-content-sha256"] = hashHex(r.Body)
	maps.DeleteFunc(r.Headers, func(_, v string) bool { return v == "" })
	request, names := r.canonical()
	signature := hex.EncodeToString(hmacOf([]byte(key.Reveal()), "ACS3-HMAC-SHA256\n"+hashHex([]byte(request))))
	return "ACS3-HMAC-SHA256 Credential=" + id + ",SignedHeaders=" + names + ",Signature=" + signature
}

// sign adds the headers of a signed call.
func (c *TencentCall) sign(header map[string]string, to string, body []byte, now time.Time) {
	u, err := url.Parse(to)
	if err != nil { // Validate parsed it
		return
	}
	if header["Content-Type"] == "" {
		header["Content-Type"] = "application/json; charset=utf-8"
	}
	header["X-TC-Action"], header["X-TC-Version"], header["X-TC-Timestamp"] = c.Action, c.Version, strconv.FormatInt(now.Unix(), 10)
	if c.Region != "" {
		header["X-TC-Region"] = c.Region
	}
	header["Authorization"] = SignTencent(c.SecretID, c.SecretKey, c.Service, now, CloudRequest{Query: u.RawQuery, Body: body, Headers: map[string]string{
		"content-type": header["Content-Type"], "host": u.Host, "x-tc-action": strings.ToLower(c.Action),
	}})
}

// SignTencent computes the header Authorization of a call of a Tencent Cloud API at a time. See
// https://cloud.tencent.com/document/api/382/52071.
func SignTencent(id string, key secret.Secret, service string, now time.Time, r CloudRequest) string {
	request, names := r.canonical()
	date := now.UTC().Format(time.DateOnly)
	scope := date + "/" + service + "/tc3_request"
	text := strings.Join([]string{"TC3-HMAC-SHA256", strconv.FormatInt(now.Unix(), 10), scope, hashHex([]byte(request))}, "\n")
	k := hmacOf(hmacOf(hmacOf([]byte("TC3"+key.Reveal()), date), service), "tc3_request")
	return "TC3-HMAC-SHA256 Credential=" + id + "/" + scope + ", SignedHeaders=" + names + ", Signature=" + hex.EncodeToString(hmacOf(k, text))
}

func hashHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func hmacOf(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// aliyunAnswer interprets the Code in an answer.
func aliyunAnswer(p *poster, body []byte) error {
	var said struct{ Code, Message string }
	if err := json.Unmarshal(body, &said); err != nil || said.Code == "" {
		return &Retry{Err: fmt.Errorf("aliyun did not answer with a Code but %q", p.excerpt(body))}
	}
	if said.Code == "OK" {
		return nil
	}
	return cloudError(said.Code, p.cloudText("aliyun", said.Code, said.Message))
}

// tencentAnswer interprets the Error in an answer, or the Code of each number.
func tencentAnswer(p *poster, body []byte) error {
	type status struct{ Code, Message string }
	var said struct {
		Response *struct {
			Error         *status
			SendStatusSet []status
			RequestID     string `json:"RequestId"`
		}
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Response == nil || said.Response.RequestID == "" {
		return &Retry{Err: fmt.Errorf("tencent did not answer with a Response but %q", p.excerpt(body))}
	}
	if e := said.Response.Error; e != nil {
		return cloudError(e.Code, p.cloudText("tencent", e.Code, e.Message))
	}
	accepted := func(s status) bool { return strings.EqualFold(s.Code, "Ok") }
	if all := said.Response.SendStatusSet; len(all) > 0 && !slices.ContainsFunc(all, accepted) {
		return cloudError(all[0].Code, p.cloudText("tencent", all[0].Code, all[0].Message))
	}
	return nil
}

func (p *poster) cloudText(vendor, code, message string) error {
	return errors.New(Shorten(oneLine(p.redactor.Redact(vendor+": "+code+": "+message)), 400, "…"))
}

// cloudError tells errors that pass from those that do not, by the vendor's names for them.
func cloudError(code string, err error) error {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(strings.ToLower(code), p) })
	}
	switch {
	case has("limit", "throttling"):
		return &Retry{After: time.Minute, Penalty: true, Err: err}
	case has("signature", "accesskey", "authfailure", "forbidden", "nopermission", "unauthorized"):
		return &Permanent{Err: err, Hint: "check the access key, what it may do, and this machine's clock"}
	case has("amount_not_enough", "insufficientbalance", "out_of_service", "arrear"):
		return &Permanent{Err: err, Hint: "the account or its package is used up: top it up"}
	case strings.HasPrefix(code, "isv."), has("invalid", "unsupported", "missing", "failedoperation", "notfound", "incorrect"):
		return &Permanent{Err: err, Hint: "check the numbers, the signature's name, the vendor's template and the parameters that template makes"}
	default: // the vendor's own failure, or unknown
		return &Retry{Err: err}
	}
}
