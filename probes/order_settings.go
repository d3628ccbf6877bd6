package probes

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
)

// OrderPushSettings configure a check of kind order_push: a marked synthetic order is pushed as the
// marketplace would push it, must become visible, must be equal to what was pushed, and is cleaned
// up again.
type OrderPushSettings struct {
	Client          `yaml:",inline"`
	Platform        string                   `yaml:"platform" doc:"Push like this marketplace, such as shopee: with its payload, headers, signature and condition for an accepted push; push.url is the seller's registered endpoint. Default: push defines everything."`
	Create          string                   `yaml:"create" doc:"push sends the marketplace's push; sandbox lets the vendor's sandbox create the order, and push.url is the URL of that operation."`
	Variant         string                   `yaml:"variant" doc:"Variant of the push: duplicate, out_of_order, late or bad_signature; default: a normal push."`
	Seller          Seller                   `yaml:"seller" doc:"The seller's account and application at the marketplace."`
	Order           Goods                    `yaml:"order" doc:"The ordered article, in pushes that contain it, and for templates as {{.Order.SKU}} etc."`
	Prefix          string                   `yaml:"prefix" doc:"Prefix of the IDs of synthetic orders; for marketplaces with numeric IDs 9000 unless the prefix is digits."`
	MarkerHeader    string                   `yaml:"marker_header" doc:"Request header with the ID of the synthetic order."`
	Vars            map[string]string        `yaml:"vars" doc:"Values for the templates, such as SKU, written {{.SKU}}."`
	Secrets         map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for the templates as {{.Secrets.name}}."`
	Push            Push                     `yaml:"push" doc:"How the order is pushed."`
	Lookup          Lookup                   `yaml:"lookup" doc:"How to find out that the order arrived."`
	Verify          []Field                  `yaml:"verify" doc:"Assertions on the order that arrived."`
	Cleanup         Cleanup                  `yaml:"cleanup" doc:"How the order is removed."`
	MaxOrdersPerDay int                      `yaml:"max_orders_per_day" doc:"Maximum number of synthetic orders per UTC day, counted since the guardian started."`
	MaxUncleaned    int                      `yaml:"max_uncleaned" doc:"Maximum number of synthetic orders that wait for cleanup; at the limit no order is pushed. Those whose push failed and that were not there are not counted."`
}

// Push is how a synthetic order is pushed.
type Push struct {
	Request `yaml:",inline"`
	Sign    *Sign          `yaml:"sign" doc:"How the push is signed."`
	Expect  Expect         `yaml:"expect" doc:"Assertions on the answer to the push."`
	Timeout model.Duration `yaml:"timeout" doc:"Timeout of the answer to the push."`
	Ref     string         `yaml:"ref" doc:"GJSON path of the target's own order ID in the answer, for templates as {{.Ref}}."`
	// Fields are set in what the platform pushes.
	Fields map[string]string `yaml:"fields" doc:"With platform: further fields of the push's JSON, or other values of its fields, by SJSON path such as customer.email; values are templates, and JSON if they look like it."`
	Steps  []JourneyStep     `yaml:"steps" doc:"Several requests that make the order, in place of url and body: such as cart, line, address and payment. Values that a step extracts are known to later steps, and to lookup, verify and cleanup."`
}

// Sign is how a push is signed.
type Sign struct {
	Algorithm string        `yaml:"algorithm" doc:"hmac-sha256 or hmac-sha1."`
	Encoding  string        `yaml:"encoding" doc:"hex, upper_hex or base64."`
	Secret    secret.Secret `yaml:"secret" doc:"The signing key."`
	Content   string        `yaml:"content" doc:"Template of the signed text; {{.Body}}, {{.URL}} and {{.Path}} are those of the push."`
	Header    string        `yaml:"header" doc:"Header for the signature."`
	Prefix    string        `yaml:"prefix" doc:"Prefix of the header's value, such as sha256=."`
}

// Lookup is how to find out that an order arrived: by http or by sql.
type Lookup struct {
	HTTP      *LookupHTTP    `yaml:"http" doc:"Look up over HTTP."`
	SQL       *SQL           `yaml:"sql" doc:"Look up in a database; the order has arrived when the query returns a row."`
	Every     model.Duration `yaml:"every" doc:"Time between two lookups."`
	Within    model.Duration `yaml:"within" doc:"How soon the order must have arrived."`
	LostAfter model.Duration `yaml:"lost_after" doc:"When an order counts as lost rather than slow; default: at the check's timeout."`
}

// LookupHTTP is a request whose answer shows the order.
type LookupHTTP struct {
	Request `yaml:",inline"`
	Expect  Expect `yaml:"expect" doc:"Assertions on the answer that hold once the order has arrived."`
	Ref     string `yaml:"ref" doc:"GJSON path of the target's own order ID."`
}

// SQL is one statement.
type SQL struct {
	Driver string        `yaml:"driver" doc:"Database driver: postgres, mysql (MariaDB too) or sqlite."`
	DSN    secret.Secret `yaml:"dsn" doc:"Connection string; never shown."`
	Query  string        `yaml:"query" doc:"The statement, with $1, $2 (postgres) or ? (mysql, sqlite) for args."`
	Args   []string      `yaml:"args" doc:"Arguments; templates such as {{.ID}}."`
}

// Field is a value that the visible order must have.
type Field struct {
	Column string `yaml:"column" doc:"Column of the row that lookup.sql gives."`
	JSON   string `yaml:"json" doc:"GJSON path in the answer that lookup.http gives."`
	Equals string `yaml:"equals" doc:"The expected value; a template; numbers are compared as numbers."`
}

// Cleanup is how to remove a synthetic order: by http or by sql.
type Cleanup struct {
	HTTP    *CleanupHTTP   `yaml:"http" doc:"Clean up over HTTP."`
	SQL     *SQL           `yaml:"sql" doc:"Clean up in a database, with an idempotent statement."`
	Timeout model.Duration `yaml:"timeout" doc:"Timeout of one cleanup; the look reserves this time."`
	Tries   int            `yaml:"tries" doc:"Number of tries before the order is abandoned and reported."`
	Backoff model.Duration `yaml:"backoff" doc:"Wait before the second try; doubled with each further one, up to an hour."`
}

// CleanupHTTP is a request that removes an order; 404 and 410 mean that there is none.
type CleanupHTTP struct {
	Request `yaml:",inline"`
	Expect  Expect `yaml:"expect" doc:"Assertions on the answer to the cleanup."`
}

func orderPushKind() Kind {
	return Kind{
		Settings: func() any {
			return &OrderPushSettings{
				Client:          defaultClient(),
				Create:          createPush,
				Order:           Goods{SKU: "guardian-synthetic", Quantity: 1, Price: "0.01", Currency: "USD"},
				Prefix:          "guardian-",
				MarkerHeader:    "X-Guardian-Synthetic",
				Push:            Push{Request: Request{Method: "POST"}, Timeout: model.Duration(3 * time.Second)},
				Lookup:          Lookup{Every: model.Duration(500 * time.Millisecond), Within: model.Duration(4 * time.Second)},
				Cleanup:         Cleanup{Timeout: model.Duration(2 * time.Second), Tries: 6, Backoff: model.Duration(30 * time.Second)},
				MaxOrdersPerDay: 6000,
				MaxUncleaned:    20,
			}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newOrderPushProbe(settings.(*OrderPushSettings), env)
		},
		Active: true,
		Templates: func(settings any, labels map[string]string) []Template {
			return settings.(*OrderPushSettings).templates(labels)
		},
		Produces: func(any) []string {
			return []string{"order_push_stage_seconds", "order_push_orders_total", "order_push_uncleaned"}
		},
	}
}

// reserved are the built-in names of templates.
func reserved() []string {
	return []string{"ID", "Ref", "Order", "Now", "Check", "Service", "Labels", "Secrets", "Body", "URL", "Path"}
}

// Validate joins every mistake.
func (s *OrderPushSettings) Validate() error {
	errs := []error{
		s.Client.validate(),
		s.validatePlatform(),
		s.Push.validate(s.Platform != ""),
		s.Lookup.validate(),
		s.Cleanup.validate(),
	}
	errs = append(errs, s.validateFields())
	if s.Prefix == "" || len(s.Prefix) > 32 || !validHeaderName(s.Prefix) {
		errs = append(errs, fmt.Errorf("prefix %q is not 1 to 32 letters, digits, - or _", s.Prefix))
	}
	if s.MarkerHeader != "" && !validHeaderName(s.MarkerHeader) {
		errs = append(errs, fmt.Errorf("marker_header %q is not a header name", s.MarkerHeader))
	}
	for _, name := range reserved() {
		if _, ok := s.Vars[name]; ok {
			errs = append(errs, fmt.Errorf("vars.%s: the name has a meaning of its own; use another", name))
		}
	}
	for i, f := range s.Verify {
		if err := f.validate(s.Lookup); err != nil {
			errs = append(errs, fmt.Errorf("verify[%d]: %w", i, err))
		}
	}
	if s.MaxOrdersPerDay < 1 {
		errs = append(errs, fmt.Errorf("max_orders_per_day is %d, must be at least 1", s.MaxOrdersPerDay))
	}
	if s.MaxUncleaned < 1 {
		errs = append(errs, fmt.Errorf("max_uncleaned is %d, must be at least 1", s.MaxUncleaned))
	}
	return errors.Join(errs...)
}

// minTimeout is the time that a look may need: for the push, the lookup and the cleanup.
func (s *OrderPushSettings) minTimeout() time.Duration {
	return s.pushTime() + time.Duration(s.Lookup.Within+s.Cleanup.Timeout)
}

// validate checks a push; marked says that it carries the order's ID in any case.
func (p *Push) validate(marked bool) error {
	if len(p.Steps) > 0 {
		return errors.Join(p.validateSteps(), positive("push.timeout", p.Timeout))
	}
	errs := []error{
		p.Request.validate("push."),
		p.Expect.validate("push.expect."),
		positive("push.timeout", p.Timeout),
	}
	if !marked && !strings.Contains(p.Body+p.URL, ".ID") {
		errs = append(errs, errors.New("push: neither body nor url carries {{.ID}}: the order could not be found again"))
	}
	if p.Sign != nil {
		errs = append(errs, p.Sign.validate())
	}
	return errors.Join(errs...)
}

func (s *Lookup) validate() error {
	errs := []error{positive("lookup.every", s.Every), positive("lookup.within", s.Within)}
	switch {
	case (s.HTTP == nil) == (s.SQL == nil):
		errs = append(errs, errors.New("lookup: give http or sql, one of the two"))
	case s.HTTP != nil:
		errs = append(errs, s.HTTP.Request.validate("lookup.http."), s.HTTP.Expect.validate("lookup.http.expect."))
	default:
		errs = append(errs, s.SQL.validate("lookup.sql."))
	}
	if s.LostAfter < 0 || s.LostAfter > 0 && s.LostAfter < s.Within {
		errs = append(errs, errors.New("lookup.lost_after is under lookup.within"))
	}
	return errors.Join(errs...)
}

func (c *Cleanup) validate() error {
	errs := []error{positive("cleanup.timeout", c.Timeout), positive("cleanup.backoff", c.Backoff)}
	switch {
	case (c.HTTP == nil) == (c.SQL == nil):
		errs = append(errs, errors.New("cleanup: give http or sql, one of the two: synthetic orders must not stay"))
	case c.HTTP != nil:
		errs = append(errs, c.HTTP.Request.validate("cleanup.http."), c.HTTP.Expect.validate("cleanup.http.expect."))
	default:
		errs = append(errs, c.SQL.validate("cleanup.sql."))
	}
	if c.Tries < 1 || c.Tries > 100 {
		errs = append(errs, fmt.Errorf("cleanup.tries is %d, must be 1 to 100", c.Tries))
	}
	return errors.Join(errs...)
}

func (f Field) validate(lookup Lookup) error {
	_, err := compileText("equals", f.Equals)
	switch {
	case lookup.SQL != nil && (f.Column == "" || f.JSON != ""):
		return errors.Join(err, errors.New("give column: the order is seen by sql"))
	case lookup.HTTP != nil && (f.JSON == "" || f.Column != ""):
		return errors.Join(err, errors.New("give json: the order is seen by http"))
	}
	return err
}
