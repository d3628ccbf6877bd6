package probes

import (
	"context"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes/sample"
)

// OrderPushSettings configure a check of kind order_push: a marked synthetic order is pushed
// as the marketplace would push it, must become visible, must be what was pushed, and is
// cleaned up again.
type OrderPushSettings struct {
	Client       `yaml:",inline"`
	Prefix       string                   `yaml:"prefix" doc:"What every synthetic order's ID starts with."`
	MarkerHeader string                   `yaml:"marker_header" doc:"Request header that carries the ID of the synthetic order."`
	Vars         map[string]string        `yaml:"vars" doc:"Values for the templates, such as SKU, written {{.SKU}}."`
	Secrets      map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for the templates as {{.Secrets.name}}."`
	Push         Push                     `yaml:"push" doc:"How the order is pushed."`
	See          See                      `yaml:"see" doc:"How it is seen that the order arrived."`
	Verify       []Field                  `yaml:"verify" doc:"What the visible order must be like."`
	Cleanup      Cleanup                  `yaml:"cleanup" doc:"How the order is taken away again."`
	DailyMax     int                      `yaml:"daily_max" doc:"Most synthetic orders in one UTC day, counted since the guardian started."`
	MaxUncleaned int                      `yaml:"max_uncleaned" doc:"Push no more while this many synthetic orders wait for their cleanup."`
}

// Push is how a synthetic order is pushed.
type Push struct {
	Request `yaml:",inline"`
	Sign    *Sign          `yaml:"sign" doc:"How the push is signed."`
	Expect  Expect         `yaml:"expect" doc:"What the answer to the push must be like."`
	Timeout model.Duration `yaml:"timeout" doc:"Within what time the push must be answered."`
	Ref     string         `yaml:"ref" doc:"GJSON path in the answer of what the target calls the order, for templates as {{.Ref}}."`
}

// Sign is how a push is signed.
type Sign struct {
	Algorithm string        `yaml:"algorithm" doc:"hmac-sha256 or hmac-sha1."`
	Encoding  string        `yaml:"encoding" doc:"hex, upper_hex or base64."`
	Secret    secret.Secret `yaml:"secret" doc:"The signing key."`
	Content   string        `yaml:"content" doc:"Template of what is signed; {{.Body}}, {{.URL}} and {{.Path}} are those of the push."`
	Header    string        `yaml:"header" doc:"Header that carries the signature."`
	Prefix    string        `yaml:"prefix" doc:"What the header's value starts with, such as sha256=."`
}

// See is how it is seen that an order arrived: by http or by sql.
type See struct {
	HTTP      *SeeHTTP       `yaml:"http" doc:"Ask over HTTP."`
	SQL       *SQL           `yaml:"sql" doc:"Ask a database; the order is visible when the query gives a row."`
	Every     model.Duration `yaml:"every" doc:"Time between two questions."`
	Within    model.Duration `yaml:"within" doc:"How soon the order must be visible."`
	LostAfter model.Duration `yaml:"lost_after" doc:"When an order counts as lost rather than slow; until the look's time is over when left out."`
}

// SeeHTTP is a question whose answer shows the order.
type SeeHTTP struct {
	Request `yaml:",inline"`
	Expect  Expect `yaml:"expect" doc:"What the answer is like once the order is visible."`
	Ref     string `yaml:"ref" doc:"GJSON path of what the target calls the order."`
}

// SQL is one statement.
type SQL struct {
	Driver string        `yaml:"driver" doc:"postgres or sqlite."`
	DSN    secret.Secret `yaml:"dsn" doc:"Where the database is; never shown."`
	Query  string        `yaml:"query" doc:"The statement, with $1, $2 (postgres) or ? (sqlite) for args."`
	Args   []string      `yaml:"args" doc:"Arguments; templates such as {{.ID}}."`
}

// Field is what one value of the visible order must be.
type Field struct {
	Column string `yaml:"column" doc:"Column of the row that see.sql gives."`
	JSON   string `yaml:"json" doc:"GJSON path in the answer that see.http gives."`
	Equals string `yaml:"equals" doc:"The expected text; a template; numbers are compared as numbers."`
}

// Cleanup is how a synthetic order is taken away: by http or by sql.
type Cleanup struct {
	HTTP    *CleanupHTTP   `yaml:"http" doc:"Clean up over HTTP."`
	SQL     *SQL           `yaml:"sql" doc:"Clean up in a database; a statement that may run twice."`
	Timeout model.Duration `yaml:"timeout" doc:"How long one cleanup may take; the look keeps this time for it."`
	Tries   int            `yaml:"tries" doc:"How often it is tried before the order is abandoned and told about."`
	Backoff model.Duration `yaml:"backoff" doc:"Wait before the second try; doubles with each, up to an hour."`
}

// CleanupHTTP is a request that takes an order away; 404 and 410 mean that there is none.
type CleanupHTTP struct {
	Request `yaml:",inline"`
	Expect  Expect `yaml:"expect" doc:"What the answer to the cleanup must be like."`
}

func orderPushKind() Kind {
	return Kind{
		Settings: func() any {
			return &OrderPushSettings{
				Client:       defaultClient(),
				Prefix:       "guardian-",
				MarkerHeader: "X-Guardian-Synthetic",
				Push:         Push{Request: Request{Method: "POST"}, Timeout: model.Duration(5 * time.Second)},
				See:          See{Every: model.Duration(500 * time.Millisecond), Within: model.Duration(5 * time.Second)},
				Cleanup:      Cleanup{Timeout: model.Duration(2 * time.Second), Tries: 6, Backoff: model.Duration(30 * time.Second)},
				DailyMax:     6000,
				MaxUncleaned: 20,
			}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newOrderPushProbe(settings.(*OrderPushSettings), env)
		},
		Active: true,
		Produces: func(any) []string {
			return []string{"order_push_stage_seconds", "order_push_orders_total", "order_push_uncleaned"}
		},
	}
}

type orderPushProbe struct{}

func newOrderPushProbe(*OrderPushSettings, Env) (*orderPushProbe, error) {
	return &orderPushProbe{}, nil
}
func (p *orderPushProbe) Look(context.Context) sample.Observation { return sample.Observation{} }
