package probes

import (
	"context"

	"guardian/internal/secret"
	"guardian/probes/sample"
)

// PromQLSettings configure a check of kind promql: a query to a Prometheus-compatible server.
type PromQLSettings struct {
	Server  string                   `yaml:"server" doc:"Address of the Prometheus-compatible server, such as http://prometheus:9090."`
	Query   string                   `yaml:"query" doc:"PromQL expression that gives a scalar or an instant vector."`
	UpIf    string                   `yaml:"up_if" doc:"Condition that every value must meet: an operator (>, >=, <, <=, ==, !=) and a number."`
	Empty   string                   `yaml:"empty" doc:"What an empty result means: unknown, up or down."`
	Headers map[string]secret.Secret `yaml:"headers" doc:"Request headers, such as Authorization; never shown."`
	TLS     TLS                      `yaml:"tls" doc:"How the server's certificate is checked."`
	Proxy   string                   `yaml:"proxy" doc:"Proxy as http://, https:// or socks5:// address; HTTP_PROXY and the like are not read."`
}

func promqlKind() Kind {
	return Kind{
		Settings: func() any { return &PromQLSettings{UpIf: "> 0", Empty: "unknown"} },
		Build: func(settings any, env Env) (Probe, error) {
			return newPromQLProbe(settings.(*PromQLSettings), env)
		},
		Produces: func(any) []string { return []string{"promql_value"} },
	}
}

type promqlProbe struct{}

func newPromQLProbe(*PromQLSettings, Env) (*promqlProbe, error) { return &promqlProbe{}, nil }
func (p *promqlProbe) Look(context.Context) sample.Observation  { return sample.Observation{} }
