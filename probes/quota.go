package probes

import (
	"context"
	"errors"
	"fmt"

	"guardian/internal/secret"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

// QuotaSettings configure a check of kind quota: one cheap request, whose answer's headers
// say how much of the marketplace's quota is used.
type QuotaSettings struct {
	Request        `yaml:",inline"`
	Client         `yaml:",inline"`
	Secrets        map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for url, headers and body as {{.Secrets.name}}."`
	Operation      string                   `yaml:"operation" doc:"The marketplace's name of the operation, such as getOrder: the label operation."`
	From           []QuotaHeaders           `yaml:"from" doc:"Header names to read; all the well-known forms when left out."`
	MaxUsed        float64                  `yaml:"max_used" doc:"Down when this share of a quota or more is used, over 0 to 1; 1 is Down only when nothing is left."`
	ThrottleStatus []StatusRange            `yaml:"throttle_status" doc:"Status codes that mean throttled; 429 when left out."`
}

// QuotaHeaders name the headers of one quota.
type QuotaHeaders struct {
	Policy    string  `yaml:"policy" doc:"The quota's name: the label policy."`
	UsedSize  string  `yaml:"used_size" doc:"Header with used/size, such as X-Shopify-Shop-Api-Call-Limit: 32/40."`
	Limit     string  `yaml:"limit" doc:"Header with the limit."`
	Remaining string  `yaml:"remaining" doc:"Header with what is left."`
	Used      string  `yaml:"used" doc:"Header with what is used."`
	Reset     string  `yaml:"reset" doc:"Header that says when the quota is whole again: seconds, epoch seconds, epoch milliseconds or a date."`
	Size      float64 `yaml:"size" doc:"The limit, where no header says it."`
}

// Validate joins every mistake.
func (s *QuotaSettings) Validate() error {
	errs := []error{s.Request.validate(""), s.Client.validate()}
	if s.Operation == "" {
		errs = append(errs, errors.New("operation is missing: name what is called, such as getOrder"))
	}
	if s.MaxUsed <= 0 || s.MaxUsed > 1 {
		errs = append(errs, fmt.Errorf("max_used is %v, must be over 0 and at most 1", s.MaxUsed))
	}
	for i, f := range s.From {
		if err := f.source().Validate(); err != nil {
			errs = append(errs, fmt.Errorf("from[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (f QuotaHeaders) source() marketplace.Source {
	return marketplace.Source{
		Policy: f.Policy, UsedSize: f.UsedSize, Limit: f.Limit, Remaining: f.Remaining, Used: f.Used, Reset: f.Reset, Size: f.Size,
	}
}

func quotaKind() Kind {
	return Kind{
		Settings: func() any { return &QuotaSettings{Client: defaultClient(), MaxUsed: 1} },
		Build: func(settings any, env Env) (Probe, error) {
			return newQuotaProbe(settings.(*QuotaSettings), env)
		},
		Active: true,
		Produces: func(any) []string {
			return []string{
				"marketplace_quota_limit", "marketplace_quota_remaining", "marketplace_quota_used_ratio",
				"marketplace_quota_reset_seconds", "marketplace_throttled_total",
			}
		},
	}
}

type quotaProbe struct{}

func newQuotaProbe(*QuotaSettings, Env) (*quotaProbe, error)  { return &quotaProbe{}, nil }
func (p *quotaProbe) Look(context.Context) sample.Observation { return sample.Observation{} }
