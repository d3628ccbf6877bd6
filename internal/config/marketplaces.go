package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/probes"
	"guardian/probes/marketplace"
	"guardian/watch"
)

// Marketplaces says how much of the sellers' quotas the guardian may use, and what tells how
// much the sellers' own applications use.
type Marketplaces struct {
	Share           watch.Share        `yaml:"max_quota_share" doc:"Most of each operation's quota that checks may use, per shop and application; a configuration that is over it is refused."`
	Operations      []MarketplaceLimit `yaml:"operations" doc:"Limits that differ from the published ones, or that are not published."`
	CallsMetric     string             `yaml:"calls_metric" doc:"Counter of the calls that the sellers' applications make, with the labels marketplace, shop, operation and, where there are several, app; it is written here (ingest). Usage is inferred from it where the marketplace does not tell it."`
	ThrottledMetric string             `yaml:"throttled_metric" doc:"Counter, with the same labels, of those calls that were throttled."`
}

// MarketplaceLimit is the token bucket of one operation.
type MarketplaceLimit struct {
	Marketplace string  `yaml:"marketplace" required:"true" doc:"The platform, such as amazon."`
	Operation   string  `yaml:"operation" required:"true" doc:"The platform's name of the operation, such as searchOrders."`
	Shop        string  `yaml:"shop" doc:"The shop (label shop) whose limit this is; left out: every shop's."`
	Rate        float64 `yaml:"rate" required:"true" doc:"Calls that the platform gives back in a second; 100 in a minute are 1.667."`
	Burst       float64 `yaml:"burst" doc:"Calls that may be made at once; left out: 1."`
}

// Validate joins every mistake.
func (l *MarketplaceLimit) Validate() error {
	var errs []error
	if _, err := marketplace.Find(l.Marketplace); err != nil {
		errs = append(errs, fmt.Errorf("marketplace: %w", err))
	}
	if !(l.Rate > 0 && l.Rate <= 1e6) {
		errs = append(errs, fmt.Errorf("rate is %v, must be more than 0 and at most 1000000 calls a second", l.Rate))
	}
	if !(l.Burst >= 0 && l.Burst <= 1e9) {
		errs = append(errs, fmt.Errorf("burst is %v, must be 1 to 1000000000 calls", l.Burst))
	}
	return errors.Join(errs...)
}

// Budgets gives the limits as the planner takes them.
func (m Marketplaces) Budgets() marketplace.Budgets {
	b := marketplace.Budgets{Share: float64(m.Share)}
	for _, o := range m.Operations {
		b.Overrides = append(b.Overrides, marketplace.Override{
			Marketplace: o.Marketplace, Operation: o.Operation, Shop: o.Shop, Limit: marketplace.Limit{Rate: o.Rate, Burst: o.Burst},
		})
	}
	return b
}

// Uses tells whose quota the check uses, and how much; nothing when it asks no marketplace.
func (c *Check) Uses() []marketplace.Use {
	if c.Settings == nil {
		return nil
	}
	return probes.Uses(c.Name, c.Settings, c.Labels, time.Duration(c.Every))
}

// checkMarketplaces finds checks that would eat the sellers' quotas.
func (d *decoder) checkMarketplaces(c *Config) {
	m := c.Marketplaces
	if m.Share <= 0 {
		d.blame("marketplaces.max_quota_share", "must be more than 0%", "5% is the default")
	}
	for i := range m.Operations {
		d.validate(&m.Operations[i], at("marketplaces.operations", i))
	}
	for key, metric := range map[string]string{"calls_metric": m.CallsMetric, "throttled_metric": m.ThrottledMetric} {
		if metric != "" && !c.Ingested.Has(metric) {
			d.blame("marketplaces."+key, fmt.Sprintf("nobody may write %q here", shorten(metric, 60)), "add it to ingest")
		}
	}
	if m.ThrottledMetric != "" && m.CallsMetric == "" {
		d.blame("marketplaces.throttled_metric", "needs calls_metric", "name the counter of all calls too")
	}
	var uses []marketplace.Use
	place := map[string]string{}
	for i := range c.Checks {
		uses = append(uses, c.Checks[i].Uses()...)
		key := ".every"
		if c.Checks[i].Cron.IsSet() {
			key = ".cron"
		}
		place[c.Checks[i].Name] = at("checks", i) + key
	}
	for _, over := range m.Budgets().Plan(uses) {
		d.blame(place[over.Check], excess(over), remedy(over))
	}
}

func excess(e marketplace.Excess) string {
	if e.TooLarge {
		return fmt.Sprintf("one look makes %s calls to %s, which allows %s at once", count(e.Calls), e.Bucket, count(e.Limit.Burst))
	}
	who := "uses"
	if len(e.Together) > 1 {
		who = fmt.Sprintf("the checks %s together use", shorten(strings.Join(e.Together, ", "), 200))
	}
	return fmt.Sprintf("%s %s of the quota of %s (%s calls a second); checks may use %s", who, percent(e.Share), e.Bucket, count(e.Limit.Rate), percent(e.Allowed))
}

func remedy(e marketplace.Excess) string {
	if e.TooLarge {
		return "make fewer calls in a look, or give the shop's own limit under marketplaces.operations"
	}
	each := ""
	if len(e.Together) > 1 {
		each = " each"
	}
	return fmt.Sprintf("look every %s%s or less often; or, where the shop has another limit, give it under marketplaces.operations", model.Duration(e.Safe), each)
}

// count writes a number with as many digits as it needs, three at most behind the first.
func count(v float64) string { return fmt.Sprintf("%.4g", v) }

func percent(share float64) string { return fmt.Sprintf("%.4g%%", 100*share) }
