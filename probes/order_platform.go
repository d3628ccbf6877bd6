package probes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/sjson"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/marketplace"
)

// Seller is a seller's account and application at a marketplace.
type Seller struct {
	Shop   string        `yaml:"shop" doc:"The seller's ID on the marketplace; for Shopify the shop's domain."`
	Site   string        `yaml:"site" doc:"The country or marketplace as named in its pushes, such as SG or lazada_sg."`
	AppKey string        `yaml:"app_key" doc:"App key, partner ID or application ID; for eBay the key ID."`
	Secret secret.Secret `yaml:"secret" doc:"App secret or partner key that signs requests and pushes; for eBay pushes the P-256 private key (PEM) of a key pair for tests."`
	Token  secret.Secret `yaml:"token" doc:"Access token for requests; it is never refreshed."`
}

func (s Seller) account() marketplace.Account {
	return marketplace.Account{Shop: s.Shop, App: s.AppKey, Secret: s.Secret, Token: s.Token}
}

// Goods are the articles of a synthetic order.
type Goods struct {
	SKU      string `yaml:"sku" doc:"The article."`
	Quantity int    `yaml:"quantity" doc:"Quantity, at least 1."`
	Price    string `yaml:"price" doc:"Unit price, such as 9.90."`
	Currency string `yaml:"currency" doc:"Currency (ISO 4217), such as USD."`
	Country  string `yaml:"country" doc:"The buyer's country, ISO 3166, such as US."`
}

// The ways to create an order, and the variants of its push.
const (
	createPush    = "push"
	createSandbox = "sandbox"

	variantDuplicate    = "duplicate"
	variantOutOfOrder   = "out_of_order"
	variantLate         = "late"
	variantBadSignature = "bad_signature"

	// lateBy is the delay of a late push: marketplaces retry for hours.
	lateBy = 2 * time.Hour
	// digitsPrefix is the prefix of IDs on marketplaces whose IDs are numbers.
	digitsPrefix = "9000"
	maxDigits    = 6 // of a prefix, which leaves room for the time and random digits
	// idDigits is how long IDs are that are numbers, and largestID the largest number that all
	// receivers read exactly: JavaScript and many others keep JSON's numbers as floating point.
	idDigits  = 16
	largestID = 1<<53 - 1
)

// forging reports that the receiver has to refuse the push.
func (p *orderPushProbe) forging() bool { return p.settings.Variant == variantBadSignature }

// pushTime is how long the pushes of one order may take: push.timeout, or the marketplace's own
// deadline if that is longer.
func (s *OrderPushSettings) pushTime() time.Duration {
	limit := time.Duration(s.Push.Timeout)
	if p, err := marketplace.Find(s.Platform); err == nil && s.Create != createSandbox {
		limit = max(limit, p.Push.Answer.Within)
	}
	return limit
}

func (s *OrderPushSettings) validatePlatform() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch s.Variant {
	case "", variantDuplicate, variantOutOfOrder, variantLate, variantBadSignature:
	default:
		wrong("variant %q is not one of duplicate, out_of_order, late, bad_signature", s.Variant)
	}
	if s.Create != "" && s.Create != createPush && s.Create != createSandbox {
		wrong("create %q is not one of push, sandbox", s.Create)
	}
	if s.Order.Quantity < 0 {
		wrong("order.quantity is %d, must be at least 1", s.Order.Quantity)
	}
	if s.Platform == "" {
		if s.Variant != "" || s.Create == createSandbox {
			wrong("variant and create need platform: how else is the push made?")
		}
		return errors.Join(errs...)
	}
	p, err := marketplace.Find(s.Platform)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	if digits(s.Prefix) && p.Push.Digits && (len(s.Prefix) > maxDigits || s.Prefix[0] == '0') {
		wrong("prefix %q: the IDs of %s are numbers of 16 digits; give at most %d digits that start with no 0", s.Prefix, p.Title, maxDigits)
	}
	if len(s.Push.Steps) > 0 {
		wrong("push.steps: the platform says how an order is pushed; leave steps or platform out")
	}
	if s.Push.Sign != nil {
		wrong("push.sign: the platform says how pushes are signed; leave it out")
	}
	if s.Create == createSandbox {
		errs = append(errs, s.validateSandbox(p))
	} else {
		errs = append(errs, s.validatePush(p))
	}
	return errors.Join(errs...)
}

func (s *OrderPushSettings) validateSandbox(p marketplace.Platform) error {
	switch {
	case p.Sandbox.Create == nil:
		return fmt.Errorf("create: %s has no sandbox that makes orders: use create: push", p.Title)
	case p.Sandbox.Create.Build == nil && s.Push.Body == "":
		return fmt.Errorf("push.body is missing: what %s of %s takes is the seller's own", p.Sandbox.Create.Operation, p.Title)
	case s.Variant != "":
		return errors.New("variant: a sandbox makes good orders only; use create: push")
	case !s.Seller.Token.IsSet():
		return errors.New("seller.token is missing: the sandbox wants an access token")
	}
	return nil
}

func (s *OrderPushSettings) validatePush(p marketplace.Platform) error {
	var errs []error
	switch {
	case p.Push.Build == nil && s.Push.Body == "":
		errs = append(errs, fmt.Errorf("push.body is missing: how %s pushes is not published; give the form that the seller's system takes", p.Title))
	case p.Push.Build != nil && s.Push.Body != "":
		errs = append(errs, errors.New("push.body: the platform says what a push holds; leave it out"))
	}
	if p.Push.Build == nil && !strings.Contains(s.Push.Body+s.Push.URL, ".ID") {
		errs = append(errs, errors.New("push: neither body nor url carries {{.ID}}: the order could not be found again"))
	}
	if p.Push.Signed && !s.Seller.Secret.IsSet() {
		errs = append(errs, fmt.Errorf("seller.secret is missing: %s signs its pushes", p.Title))
	}
	if !p.Push.Signed && s.Variant == variantBadSignature {
		errs = append(errs, fmt.Errorf("variant bad_signature: %s signs no pushes", p.Title))
	}
	if p.Push.Build == nil && (s.Variant == variantOutOfOrder || s.Variant == variantLate) {
		errs = append(errs, fmt.Errorf("variant %s: how %s pushes is not published", s.Variant, p.Title))
	}
	return errors.Join(errs...)
}

// validateFields checks the fields that are added to a platform's push.
func (s *OrderPushSettings) validateFields() error {
	if len(s.Push.Fields) == 0 {
		return nil
	}
	var errs []error
	if p, err := marketplace.Find(s.Platform); s.Platform == "" || err == nil && p.Push.Build == nil && s.Create != createSandbox {
		errs = append(errs, errors.New("push.fields: push.body holds the whole push; write them there"))
	}
	for path, value := range s.Push.Fields {
		if _, err := sjson.SetBytes([]byte("{}"), path, 0); err != nil {
			errs = append(errs, fmt.Errorf("push.fields: %q is not a path such as customer.email", path))
		}
		if _, err := compileText("value", value); err != nil {
			errs = append(errs, fmt.Errorf("push.fields.%s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// platformPush makes pushes like those of one marketplace.
type platformPush struct {
	settings *OrderPushSettings
	platform marketplace.Platform
	fields   map[string]text
	extra    map[string]string // fields, filled in for the order that is pushed
}

func newPlatformPush(s *OrderPushSettings) (*platformPush, error) {
	p := &platformPush{settings: s, fields: map[string]text{}}
	var err error
	if p.platform, err = marketplace.Find(s.Platform); err != nil {
		return p, err
	}
	for path, value := range s.Push.Fields {
		if p.fields[path], err = compileText("push.fields."+path, value); err != nil {
			return p, err
		}
	}
	return p, nil
}

// render fills the additional fields in.
func (p *platformPush) render(d templateData) (map[string]string, error) {
	all := map[string]string{}
	for path, value := range p.fields {
		var err error
		if all[path], err = value.render(d); err != nil {
			return nil, fmt.Errorf("push.fields.%s: %w", path, err)
		}
	}
	return all, nil
}

// withFields sets the additional fields in a push. A value that is JSON is set as such, and another one
// as a text.
func (p *platformPush) withFields(body []byte) ([]byte, error) {
	for _, path := range slices.Sorted(maps.Keys(p.extra)) {
		value := p.extra[path]
		raw := []byte(value)
		if !json.Valid(raw) {
			raw, _ = json.Marshal(value) // a text can always be marshalled
		}
		var err error
		if body, err = sjson.SetRawBytes(body, path, raw); err != nil {
			return nil, fmt.Errorf("push.fields.%s: %w", path, err)
		}
	}
	return body, nil
}

// find looks the platform up; false: there is none of that name.
func (p *platformPush) find() bool {
	var err error
	p.platform, err = marketplace.Find(p.settings.Platform)
	return err == nil
}

func (p *platformPush) sandbox() bool { return p.settings.Create == createSandbox }
func (p *platformPush) digits() bool  { return p.platform.Push.Digits }

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// number makes an ID of at most 16 digits that is no larger than largestID: the prefix, the last digits
// of the time in hundredths of a second, and two random digits.
func (p *platformPush) number(now time.Time, random io.Reader) (string, error) {
	prefix := p.settings.Prefix
	if !digits(prefix) {
		prefix = digitsPrefix
	}
	length := idDigits
	if prefix+strings.Repeat("9", length-len(prefix)) > strconv.Itoa(largestID) {
		length-- // texts of as many digits compare like numbers
	}
	n, err := rand.Int(random, big.NewInt(100))
	if err != nil {
		return "", err
	}
	clock := fmt.Sprintf("%018d", now.UnixMilli()/10)
	return fmt.Sprintf("%s%s%02d", prefix, clock[len(clock)-(length-len(prefix)-2):], n), nil
}

// content holds the order's fields for templates.
func (p *platformPush) content() map[string]string {
	g := p.settings.Order
	status := ""
	if p.settings.Variant == variantOutOfOrder {
		status = p.platform.Push.Paid
	}
	return map[string]string{
		"SKU": g.SKU, "Quantity": strconv.Itoa(max(g.Quantity, 1)), "Price": g.Price, "Currency": g.Currency, "Country": g.Country,
		"Status": status, // the final status with out_of_order
	}
}

// pushes makes an order's pushes; out has the configured address and headers.
func (p *platformPush) pushes(order *Order, out outgoing, now time.Time, random io.Reader) ([]outgoing, error) {
	delivery := "gdn-" + order.ID
	g := p.settings.Order
	o := marketplace.Order{
		ID: order.ID, Shop: p.settings.Seller.Shop, Site: p.settings.Seller.Site, App: p.settings.Seller.AppKey, Delivery: delivery, At: now.UTC(),
		Event: "gdn-event-" + order.ID, SKU: g.SKU, Quantity: g.Quantity, Price: g.Price, Currency: g.Currency, Country: g.Country,
	}
	if p.sandbox() {
		made, err := p.create(o, out, now)
		return []outgoing{made}, err
	}
	keys := marketplace.Keys{Secret: p.settings.Seller.Secret, AppKey: p.settings.Seller.AppKey}
	var all []outgoing
	add := func(o marketplace.Order) error {
		one, err := p.push(o, out, keys, now)
		all = append(all, one)
		return err
	}
	switch p.settings.Variant {
	case variantDuplicate:
		if err := add(o); err != nil {
			return nil, err
		}
		return append(all, all[0]), nil
	case variantOutOfOrder:
		later, sooner := o, o
		later.Status, later.Delivery, later.Event = p.platform.Push.Paid, delivery+"-2", o.Event+"-2"
		sooner.At = o.At.Add(-time.Minute)
		err := errors.Join(add(later), add(sooner))
		return all, err
	case variantLate:
		o.At = o.At.Add(-lateBy)
	case variantBadSignature:
		var err error
		if keys.Secret, err = p.otherSecret(random); err != nil {
			return nil, err
		}
	}
	err := add(o)
	return all, err
}

// otherSecret makes a key that the receiver does not know.
func (p *platformPush) otherSecret(random io.Reader) (secret.Secret, error) {
	if p.platform.Name == "ebay" {
		key, err := ecdsa.GenerateKey(elliptic.P256(), random)
		if err != nil {
			return secret.Secret{}, fmt.Errorf("make another key: %w", err)
		}
		der, err := x509.MarshalECPrivateKey(key)
		return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))), err
	}
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return secret.Secret{}, fmt.Errorf("make another key: %w", err)
	}
	return secret.New(hex.EncodeToString(b[:])), nil
}

// push makes one push of an order.
func (p *platformPush) push(o marketplace.Order, out outgoing, keys marketplace.Keys, now time.Time) (outgoing, error) {
	header := http.Header{}
	for name, value := range out.headers {
		header.Set(name, value)
	}
	if p.platform.Push.Build != nil {
		m := p.platform.Push.Build(o)
		out.method = m.Method
		var err error
		if out.body, err = p.withFields(m.Body); err != nil {
			return out, err
		}
		for name, value := range m.Headers {
			if header.Get(name) == "" { // what is configured counts
				header.Set(name, value)
			}
		}
	}
	if p.platform.Name == "walmart" {
		header.Set("WM_SEC.TIMESTAMP", strconv.FormatInt(now.Unix(), 10))
	}
	signed, err := p.platform.Sign(marketplace.KindPush, marketplace.Call{Method: out.method, Header: header, Body: out.body, URL: out.url}, keys)
	if err != nil {
		return out, err
	}
	for name, value := range signed.Headers {
		header.Set(name, value)
	}
	out.headers = flat(header)
	return out, nil
}

// create makes the request with which the vendor's sandbox makes an order.
func (p *platformPush) create(o marketplace.Order, out outgoing, now time.Time) (outgoing, error) {
	how := p.platform.Sandbox.Create
	operation, _ := p.platform.Named(how.Operation)
	header := http.Header{}
	for name, value := range p.platform.Sandbox.Header {
		header.Set(name, value)
	}
	if how.Build != nil && len(out.body) == 0 {
		m := how.Build(o)
		var err error
		if out.body, err = p.withFields(m.Body); err != nil {
			return out, err
		}
		for name, value := range m.Headers {
			header.Set(name, value)
		}
	}
	for name, value := range out.headers {
		header.Set(name, value)
	}
	return platformRequest(p.platform, operation, outgoing{url: out.url, body: out.body, headers: flat(header)}, p.settings.Seller.account(), now, o.ID)
}

// platformRequest completes and signs a request to a marketplace.
func platformRequest(p marketplace.Platform, o marketplace.Operation, out outgoing, a marketplace.Account, now time.Time, unique string) (outgoing, error) {
	u, err := url.Parse(out.url)
	if err != nil {
		return out, errors.New("url is not an address")
	}
	c := marketplace.Call{Method: o.Method, Path: u.Path, Query: map[string]string{}, Header: http.Header{}, Body: out.body}
	for name, values := range u.Query() {
		c.Query[name] = strings.Join(values, ",")
	}
	for name, value := range out.headers {
		c.Header.Set(name, value)
	}
	if c, err = p.Request(o, c, a, now, unique); err != nil {
		return out, err
	}
	query := url.Values{}
	for name, value := range c.Query {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return outgoing{method: c.Method, url: u.String(), headers: flat(c.Header), body: c.Body}, nil
}

func flat(h http.Header) map[string]string {
	all := make(map[string]string, len(h))
	for name := range h {
		all[name] = h.Get(name)
	}
	return all
}

// judge returns why the marketplace would not count an answer to a push; nil if it would.
func (p *platformPush) judge(x exchange) *fault {
	r := p.platform.Push.Answer
	if p.sandbox() || p.settings.Variant == variantBadSignature || r.From == 0 {
		return nil
	}
	missed := r.Missed(x.status, x.body, x.took)
	if took := x.phases[phaseConnect]; len(missed) == 0 && r.Connect > 0 && took > r.Connect {
		missed = append(missed, reason.New("push_slow_connect", "took", took, "limit", r.Connect))
	}
	if len(missed) == 0 {
		return nil
	}
	return down(reason.New("push_not_counted", "platform", p.platform.Title, "why", missed))
}

// ref is the GJSON path of the target's ID of the order in the answer to the push.
func (p *orderPushProbe) ref() string {
	if p.settings.Push.Ref == "" && p.platform != nil && p.platform.sandbox() {
		return p.platform.platform.Sandbox.Create.ID
	}
	return p.settings.Push.Ref
}

// refused judges the answer to a push with a wrong signature. It reports whether the push was finally
// refused.
func (p *orderPushProbe) refused(ctx context.Context, order *Order, x exchange, f *fault, o *outcome) (rejected bool) {
	o.took["push"] = x.took
	o.detail = p.masks.detail(x)
	switch {
	case x.status < 300:
		o.f, o.result = down(reason.New("order_forged", "status", x.status)), "forged"
		return false
	case x.status < 400 || x.status >= 500:
		why := reason.New("http_status", "status", x.status, "want", "4xx")
		if f != nil {
			why = f.reason
		}
		o.f, o.result = blind(reason.New("order_forgery_unknown", "why", why)), "unknown"
		return false
	}
	_, answered, missing := p.lookUp(ctx, p.data(order))
	switch {
	case missing == nil:
		o.f, o.result = down(reason.New("order_forged_though_refused", "status", x.status)), "forged"
		return false
	case !answered:
		o.f, o.result = blind(reason.New("order_forged_unknown", "why", missing.reason)), "unknown"
		return false
	}
	o.result, o.detail = "ok", ""
	return true
}
