package probes

import (
	"encoding"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"golang.org/x/net/html/charset"

	"guardian/internal/secret"
)

// Request is an HTTP request as it is configured. URL, header values and body are templates of
// text/template; see templateData for the names they may use.
type Request struct {
	Method  string                   `yaml:"method" doc:"HTTP method; default: GET, for a push POST."`
	URL     string                   `yaml:"url" doc:"Absolute http or https URL; a template such as https://shop.example.com/orders/{{.ID}}. Its query and user are never shown."`
	Headers map[string]secret.Secret `yaml:"headers" doc:"Request headers by name; values are templates and are never shown."`
	Body    string                   `yaml:"body" doc:"Request body; a template. Use secrets as {{.Secrets.name}}."`
}

// Client says how HTTP requests are sent; nothing is read from the environment.
type Client struct {
	TLS           TLS    `yaml:"tls" doc:"How the target's certificate is verified."`
	Proxy         string `yaml:"proxy" doc:"Proxy as http://, https:// or socks5:// URL; HTTP_PROXY etc. are not used."`
	AddressFamily string `yaml:"address_family" doc:"Addresses of the target to use: any, ip4 or ip6."`
	MaxRedirects  int    `yaml:"max_redirects" doc:"Maximum number of redirects to follow, 0 to 20; 0: the redirect itself is the answer."`
	BodyLimit     int    `yaml:"body_limit" doc:"Maximum size of the answer's body in bytes, up to 16777216; a longer one is Down. It holds for the body as it came and as it is unpacked."`
	Charset       string `yaml:"charset" doc:"Character set of the body, such as gbk or shift_jis, whatever it declares; default: as declared by the answer, or as recognised."`
}

// TLS is how the target's certificate is checked.
type TLS struct {
	MinRemaining model.Duration `yaml:"min_remaining" doc:"Down when the chain expires sooner; 0: only when it is invalid. What a server sends beside the chain does not count."`
	ServerName   string         `yaml:"server_name" doc:"Server name for SNI and certificate verification; default: the URL's host."`
	CAFile       string         `yaml:"ca_file" doc:"PEM file with the authorities to trust instead of the system's."`
	Insecure     bool           `yaml:"insecure" doc:"Do not verify the certificate; its expiry is still measured."`
	CertFile     string         `yaml:"cert_file" doc:"PEM file with the client certificate and its intermediates, for servers that want one; read at each connection."`
	KeyFile      string         `yaml:"key_file" doc:"PEM file with the private key of cert_file."`
}

// Expect is what an answer must be like for the look to be Up.
type Expect struct {
	Status          []StatusRange     `yaml:"status" doc:"Accepted status codes, such as 200, 200-299 or 2xx; default: 2xx."`
	Headers         map[string]string `yaml:"headers" doc:"Regular expressions for response headers, by name."`
	BodyContains    []string          `yaml:"body_contains" doc:"Texts that the body must contain."`
	BodyNotContains []string          `yaml:"body_not_contains" doc:"Texts that the body must not contain."`
	BodyMatches     []string          `yaml:"body_matches" doc:"Regular expressions that the body must match."`
	BodyNotMatches  []string          `yaml:"body_not_matches" doc:"Regular expressions that the body must not match."`
	JSON            []JSONAssertion   `yaml:"json" doc:"Assertions on values of a JSON body."`
	MaxLatency      model.Duration    `yaml:"max_latency" doc:"Maximum duration of the whole answer; 0: only the check's timeout."`
}

// JSONAssertion is a condition on a value of a JSON document. If several are set, all must hold; if
// none is, the path must exist.
type JSONAssertion struct {
	Path    string   `yaml:"path" doc:"GJSON path, such as data.status or orders.#(id==\"{{.ID}}\").sku."`
	Equals  *string  `yaml:"equals" doc:"The expected value; numbers are compared as numbers, and null is null. A template."`
	Matches string   `yaml:"matches" doc:"Regular expression that the value's text must match."`
	Exists  *bool    `yaml:"exists" doc:"Whether the path must exist (true) or must not (false); null exists."`
	Min     *float64 `yaml:"min" doc:"Minimum."`
	Max     *float64 `yaml:"max" doc:"Maximum."`
}

// StatusRange is a range of HTTP status codes, both ends included. Its text is "200",
// "200-299" or "2xx".
type StatusRange struct{ From, To int }

var (
	_ encoding.TextUnmarshaler = (*StatusRange)(nil)
	_ encoding.TextMarshaler   = StatusRange{}
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *StatusRange) UnmarshalText(b []byte) error {
	text := strings.ToLower(strings.TrimSpace(string(b)))
	from, to, isRange := strings.Cut(text, "-")
	if class, ok := strings.CutSuffix(text, "xx"); ok {
		from, to, isRange = class+"00", class+"99", true
	}
	if !isRange {
		to = from
	}
	lo, err1 := strconv.Atoi(strings.TrimSpace(from))
	hi, err2 := strconv.Atoi(strings.TrimSpace(to))
	if err1 != nil || err2 != nil || lo < 100 || hi > 599 || lo > hi {
		return fmt.Errorf("status %q is not one of the forms 200, 200-299, 2xx between 100 and 599", b)
	}
	r.From, r.To = lo, hi
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (r StatusRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String gives "200" or "200-299".
func (r StatusRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

const (
	defaultBodyLimit = 1 << 20
	maxBodyLimit     = 16 << 20
	maxRedirects     = 20
)

func defaultClient() Client {
	return Client{AddressFamily: "any", MaxRedirects: 10, BodyLimit: defaultBodyLimit}
}

// validFamily returns an error for an unknown address family.
func validFamily(family string) error {
	switch family {
	case "", "any", "ip4", "ip6":
		return nil
	default:
		return fmt.Errorf("address_family %q is not one of any, ip4, ip6", family)
	}
}

// familyNetwork returns the network name of package net, such as tcp4.
func familyNetwork(network, family string) string {
	switch family {
	case "ip4":
		return network + "4"
	case "ip6":
		return network + "6"
	default:
		return network
	}
}

func (c *Client) validate() error {
	var errs []error
	if err := validFamily(c.AddressFamily); err != nil {
		errs = append(errs, err)
	}
	if c.Proxy != "" {
		u, err := url.Parse(c.Proxy)
		switch {
		// url.Parse quotes the address, which may hold a password, in its error.
		case err != nil || u.Host == "":
			errs = append(errs, errors.New("proxy is not an address such as http://proxy.example.com:3128"))
		case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
			errs = append(errs, fmt.Errorf("proxy scheme %q is not one of http, https, socks5", u.Scheme))
		}
	}
	if c.MaxRedirects < 0 || c.MaxRedirects > maxRedirects {
		errs = append(errs, fmt.Errorf("max_redirects is %d, must be 0 to %d", c.MaxRedirects, maxRedirects))
	}
	if c.BodyLimit < 1 || c.BodyLimit > maxBodyLimit {
		errs = append(errs, fmt.Errorf("body_limit is %d, must be 1 to %d bytes", c.BodyLimit, maxBodyLimit))
	}
	return errors.Join(append(errs, c.TLS.validate("tls."), validCharset(c.Charset))...)
}

// validCharset returns an error for a character set that browsers do not know.
func validCharset(label string) error {
	if e, name := charset.Lookup(label); label != "" && (e == nil || name == "replacement") {
		return fmt.Errorf("charset %q is not known: give a name such as utf-8, gbk, gb18030, big5, shift_jis, euc-kr or utf-16le", label)
	}
	return nil
}

// validate checks a request; field is its path in the settings, "" at the top.
func (r *Request) validate(field string) error {
	var errs []error
	if r.URL == "" {
		errs = append(errs, fmt.Errorf("%surl is missing: give the absolute address to look at", field))
	} else if !strings.Contains(r.URL, "{{") {
		// The text of url.Parse's error is the URL, which may hold a secret.
		if u, err := url.Parse(r.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			errs = append(errs, fmt.Errorf("%surl is not an absolute http or https address", field))
		}
	}
	if strings.ContainsFunc(r.Method, func(c rune) bool { return c < 'A' || c > 'Z' }) {
		errs = append(errs, fmt.Errorf("%smethod %q is not an HTTP method in capitals, such as GET", field, r.Method))
	}
	for name, value := range r.Headers {
		if !validHeaderName(name) {
			errs = append(errs, fmt.Errorf("%sheaders: %q is not a header name", field, name))
		}
		if strings.ContainsAny(value.Reveal(), "\r\n\x00") {
			errs = append(errs, fmt.Errorf("%sheaders.%s has a line break; does the secret's file end in one?", field, name))
		}
	}
	if _, err := r.compile(); err != nil {
		errs = append(errs, fmt.Errorf("%s%w", field, err))
	}
	return errors.Join(errs...)
}

func validHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	})
}

func (e *Expect) validate(field string) error {
	var errs []error
	for name, re := range e.Headers {
		if _, err := regexp.Compile(re); err != nil {
			errs = append(errs, fmt.Errorf("%sheaders.%s: %w", field, name, err))
		}
	}
	for _, list := range []struct {
		name string
		res  []string
	}{{"body_matches", e.BodyMatches}, {"body_not_matches", e.BodyNotMatches}} {
		for i, re := range list.res {
			if _, err := regexp.Compile(re); err != nil {
				errs = append(errs, fmt.Errorf("%s%s[%d]: %w", field, list.name, i, err))
			}
		}
	}
	for i := range e.JSON {
		if err := e.JSON[i].validate(); err != nil {
			errs = append(errs, fmt.Errorf("%sjson[%d]: %w", field, i, err))
		}
	}
	if e.MaxLatency < 0 {
		errs = append(errs, fmt.Errorf("%smax_latency is negative", field))
	}
	return errors.Join(errs...)
}

func (a *JSONAssertion) validate() error {
	var errs []error
	if a.Path == "" {
		errs = append(errs, errors.New("path is missing"))
	}
	if _, err := regexp.Compile(a.Matches); err != nil {
		errs = append(errs, fmt.Errorf("matches: %w", err))
	}
	if a.Exists != nil && !*a.Exists && (a.Equals != nil || a.Matches != "" || a.Min != nil || a.Max != nil) {
		errs = append(errs, errors.New("exists: false contradicts the other conditions"))
	}
	if a.Min != nil && a.Max != nil && *a.Min > *a.Max {
		errs = append(errs, fmt.Errorf("min %v is over max %v", *a.Min, *a.Max))
	}
	if a.Equals != nil {
		if _, err := compileText("equals", *a.Equals); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := compileText("path", a.Path); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// positive returns an error for a duration that is not over zero.
func positive(field string, d model.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s must be over 0", field)
	}
	return nil
}
