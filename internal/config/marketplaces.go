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

// Marketplaces limits the share of the sellers' API quotas that checks use, and names the
// metrics of the sellers' own usage.
type Marketplaces struct {
	MaxQuotaShare   watch.Share        `yaml:"max_quota_share" doc:"Maximum share of each operation's quota that checks may use, per shop and application; a configuration that exceeds it is rejected."`
	Operations      []MarketplaceLimit `yaml:"operations" doc:"Rate limits that are not published, or differ from the published ones."`
	CallsMetric     string             `yaml:"calls_metric" doc:"Counter of the API calls of the sellers' applications, with the labels marketplace, shop, operation and, if there are several, app; it must be in ingest. Quota usage is inferred from it where the marketplace does not report it."`
	ThrottledMetric string             `yaml:"throttled_metric" doc:"Counter of the throttled ones among these calls, with the same labels."`
}

// MarketplaceLimit is the rate limit (token bucket) of one operation.
type MarketplaceLimit struct {
	Marketplace string  `yaml:"marketplace" required:"true" doc:"The platform, such as amazon."`
	Operation   string  `yaml:"operation" required:"true" doc:"The platform's name of the operation, such as searchOrders."`
	Shop        string  `yaml:"shop" doc:"The shop (label shop) with this limit; default: all shops."`
	Rate        float64 `yaml:"rate" required:"true" doc:"Calls per second; 100 per minute are 1.667."`
	Burst       float64 `yaml:"burst" doc:"Burst size in calls; default: 1."`
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

// Budgets converts the limits for the planner of quotas.
func (m Marketplaces) Budgets() marketplace.Budgets {
	b := marketplace.Budgets{Share: float64(m.MaxQuotaShare)}
	for _, o := range m.Operations {
		b.Overrides = append(b.Overrides, marketplace.Override{
			Marketplace: o.Marketplace, Operation: o.Operation, Shop: o.Shop, Limit: marketplace.Limit{Rate: o.Rate, Burst: o.Burst},
		})
	}
	return b
}

// Uses returns the quotas that the check uses, none when it calls no marketplace.
func (c *Check) Uses() []marketplace.Use {
	if c.Settings == nil {
		return nil
	}
	return probes.Uses(c.Name, c.Settings, c.Labels, time.Duration(c.Every))
}

// checkMarketplaces finds checks that would use too much of the sellers' quotas.
func (d *decoder) checkMarketplaces(c *Config) {
	m := c.Marketplaces
	if m.MaxQuotaShare <= 0 {
		d.blame("marketplaces.max_quota_share", "must be more than 0%", "5% is the default")
	}
	for i := range m.Operations {
		d.validate(&m.Operations[i], at("marketplaces.operations", i))
	}
	for key, metric := range map[string]string{"calls_metric": m.CallsMetric, "throttled_metric": m.ThrottledMetric} {
		if metric != "" && !c.Ingested.Has(metric) {
			d.blame("marketplaces."+key, fmt.Sprintf("%q is not accepted by remote write", shorten(metric, 60)), "add it to ingest")
		}
	}
	if m.ThrottledMetric != "" && m.CallsMetric == "" {
		d.blame("marketplaces.throttled_metric", "needs calls_metric", "set the counter of all calls too")
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
		return "make fewer calls in a look, or set the shop's own limit under marketplaces.operations"
	}
	each := ""
	if len(e.Together) > 1 {
		each = " each"
	}
	return fmt.Sprintf("look every %s%s or less often, or set the shop's own limit under marketplaces.operations", model.Duration(e.Safe), each)
}

// count formats a number with up to four significant digits.
func count(v float64) string { return fmt.Sprintf("%.4g", v) }

func percent(share float64) string { return fmt.Sprintf("%.4g%%", 100*share) }
