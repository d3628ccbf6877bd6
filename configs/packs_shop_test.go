//go:build !race

package configs_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
)

// watcher runs the checks of one pack against the shop and evaluates its rules, minute by
// minute of its own clock.
type watcher struct {
	config *config.Config
	probes []probes.Probe
	series *series.DB
	states map[string]rules.GroupState
	now    time.Time
}

func newWatcher(t *testing.T, s *shop, folder, pack string) *watcher {
	t.Helper()
	redactor := &secret.Redactor{}
	c, err := config.Load(filepath.Join(folder, "packs", pack+".checks.yaml"), config.Options{LookupEnv: s.lookupEnv, Redactor: redactor})
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{config: c, states: map[string]rules.GroupState{}, now: time.Now().Truncate(time.Second)}
	if w.series, err = series.Open(series.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.series.Close(); err != nil {
			t.Error(err)
		}
	})
	kinds := probes.Builtin()
	for _, check := range c.Checks {
		env := probes.Env{
			Check: check.Name, Service: check.Service, Labels: check.Labels, Every: time.Duration(check.Every), Timeout: time.Duration(check.Timeout),
			Log: slog.New(slog.DiscardHandler), Redactor: redactor, Heartbeats: s.heartbeat, Compare: s.compare, Now: time.Now,
		}
		switch settings := check.Settings.(type) {
		case *probes.TLSSettings:
			settings.Insecure = true // nobody vouches for a test's certificate
		case *probes.OrderPushSettings:
			settings.Lookup.Within, settings.Lookup.LostAfter = model.Duration(200*time.Millisecond), model.Duration(300*time.Millisecond)
			settings.Lookup.Every = model.Duration(20 * time.Millisecond)
			env.Orders = journal(t)
		}
		p, err := kinds[check.Kind].Build(check.Settings, env)
		if err != nil {
			t.Fatal(err)
		}
		if closer, ok := p.(io.Closer); ok {
			t.Cleanup(func() { _ = closer.Close() })
		}
		w.probes = append(w.probes, p)
	}
	return w
}

func journal(t *testing.T) probes.OrderJournal {
	t.Helper()
	j, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	lease, ok, err := j.Acquire(t.Context(), "test", "", time.Hour)
	if err != nil || !ok {
		t.Fatalf("lease: %v, %v", ok, err)
	}
	return orders{j, lease.Token}
}

// orders keeps orders in a journal, and tells nobody of them.
type orders struct {
	*store.Store
	fence store.Fence
}

// Save implements probes.OrderJournal.
func (o orders) Save(ctx context.Context, order probes.Order) error {
	return o.Commit(ctx, o.fence, store.Batch{Orders: []probes.Order{order}})
}

// Open implements probes.OrderJournal.
func (o orders) Open(ctx context.Context, check string) ([]probes.Order, error) {
	return o.OpenOrders(ctx, check)
}

// minutes lets n minutes pass and returns the alerts that fired.
func (w *watcher) minutes(t *testing.T, n int) []string {
	t.Helper()
	var fired []string
	for range n {
		w.now = w.now.Add(time.Minute)
		for i, p := range w.probes {
			check := w.config.Checks[i]
			o := p.Look(t.Context())
			for try := 1; o.Health == sample.Unknown && try < 4; try++ { // a machine that has other work answers late
				o = p.Look(t.Context())
			}
			if o.Health == sample.Unknown {
				t.Fatalf("%s could not look: %s", check.Name, o.Reason)
			}
			if _, err := w.series.AppendSample(sample.Sample{
				Check: check.Name, Kind: check.Kind, Service: check.Service, Labels: check.Labels, At: w.now, Observation: o,
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range w.config.Groups {
			e := g.Eval(t.Context(), w.now, w.states[g.Key()], rules.Env{Query: w.series.Query, Record: w.series.Record})
			w.states[g.Key()] = e.State
			for _, r := range e.Results {
				if r.Health != rules.HealthOK || len(r.TemplateErrs) > 0 {
					t.Fatalf("%s: %s %v", r.Rule, r.Reason, r.TemplateErrs)
				}
			}
			for _, a := range e.State.Alerts() {
				if strings.Contains(a.Annotations["summary"]+a.Annotations["summary_zh"], "<no value>") {
					t.Errorf("%s says %q", a.Rule, a.Annotations["summary"])
				}
				if a.State == rules.Firing && !slices.Contains(fired, a.Rule) {
					fired = append(fired, a.Rule)
				}
			}
		}
	}
	slices.Sort(fired)
	return fired
}

func TestPacksAreQuietInAHealthyShop(t *testing.T) {
	s, folder := openShop(t), examples(t)
	s.heal(t)
	for _, pack := range packs(t) {
		t.Run(pack, func(t *testing.T) {
			w := newWatcher(t, s, folder, pack)
			if fired := w.minutes(t, 20); len(fired) > 0 {
				t.Errorf("%v fire in a healthy shop", fired)
			}
			if n, err := w.series.Query(t.Context(), `count({__name__=~"sql_value|promql_value|probe_ssl_.*|feed_.*|heartbeat_.*|drift|marketplace_.*|order_push_.*|guardian_.*"})`, w.now); err != nil || len(n) == 0 {
				t.Errorf("the checks produce no series, so the test proves nothing (%v)", err)
			}
		})
	}
}

func TestPacksDetectEachFault(t *testing.T) {
	s, folder := openShop(t), examples(t)
	metric := func(old, becomes string) fault {
		return answers(func(s *shop) {
			if !strings.Contains(s.metrics, old) {
				panic("the shop shows no " + old)
			}
			s.metrics = strings.Replace(s.metrics, old, becomes, 1)
		})
	}
	for name, c := range map[string]struct {
		pack          string
		before, after int // minutes; 2 and 12 when left out
		fault         fault
		want          string
	}{
		"payment messages are no longer processed": {
			pack: "order-flow", want: "PaidNotConfirmed",
			fault: query(`UPDATE orders SET state = 'new' WHERE id BETWEEN 10 AND 15`),
		},
		"the state of paid orders never comes back": {
			pack: "order-flow", want: "PaidNotConfirmed",
			fault: query(`UPDATE orders SET state = 'authorising' WHERE id BETWEEN 10 AND 15`),
		},
		"paid orders have no state": {
			pack: "order-flow", want: "PaidNotConfirmed",
			fault: query(`UPDATE orders SET state = NULL WHERE id = 20`),
		},
		"a paid order is on hold": {
			pack: "order-flow", want: "PaidNotConfirmed",
			fault: query(`UPDATE orders SET state = 'on_hold', paid_at = NULL WHERE id = 204`),
		},
		"a payment has no order": {
			pack: "order-flow", want: "PaymentWithoutOrder",
			fault: query(`INSERT INTO payments VALUES ('sg-1', 4711, 9.90, 'SGD', now() - interval '20 minutes')`),
		},
		"paid orders are gone": {
			pack: "order-flow", want: "PaymentWithoutOrder",
			fault: query(`DELETE FROM orders WHERE id BETWEEN 20 AND 22`),
		},
		"an order is kept under another number than its payment": {
			pack: "order-flow", want: "ConfirmedWithoutPayment PaymentWithoutOrder",
			fault: query(`UPDATE orders SET id = 4712 WHERE id = 204`),
		},
		"orders count as paid and were not": {
			pack: "order-flow", want: "ConfirmedWithoutPayment",
			fault: query(`DELETE FROM payments WHERE order_id = 20`),
		},
		"an order was paid in another currency": {
			pack: "order-flow", want: "PaymentAmountDiffers",
			fault: query(`UPDATE payments SET currency = 'MYR' WHERE order_id = 20`),
		},
		"an order was paid twice": {
			pack: "order-flow", want: "PaidTwice",
			fault: query(`INSERT INTO payments SELECT * FROM payments WHERE order_id = 20`),
		},
		"nobody can pay any more": {
			pack: "order-flow", want: "FewOrdersPaid",
			fault: query(`DELETE FROM payments; UPDATE orders SET state = 'new', paid_at = NULL WHERE state IN ('paid', 'shipped')`),
		},
		"no order comes": {
			pack: "order-flow", want: "NoOrders",
			fault: query(`UPDATE orders SET created_at = created_at - interval '2 hours' WHERE created_at > now() - interval '1 day'`),
		},
		"an order is stuck": {
			pack: "backlog", want: "OrdersWaitLong",
			fault: query(`UPDATE orders SET state = 'paid' WHERE id = 25`),
		},
		"an order is stuck for hours": {
			pack: "backlog", want: "OrdersWaitTooLong",
			fault: query(`UPDATE orders SET state = 'paid' WHERE id = 204`),
		},
		"orders come faster than they are worked off": {
			pack: "backlog", want: "BacklogGrows", before: 16,
			fault: query(`INSERT INTO orders SELECT 1000 + n, 'sg-1', 'paid', 9, 'SGD', now(), now() FROM generate_series(1, 100) n`),
		},
		"nobody works off orders": {
			pack: "backlog", want: "BacklogHuge", after: 6,
			fault: query(`INSERT INTO orders SELECT 1000 + n, 'sg-1', 'paid', 9, 'SGD', now(), now() FROM generate_series(1, 600) n`),
		},
		"stock is below zero": {
			pack: "stock", want: "NegativeStock",
			fault: query(`UPDATE stock SET available = -1, listed = 0 WHERE shop = 'sg-1' AND sku = 'SKU-7'`),
		},
		"more is offered than there is": {
			pack: "stock", want: "ListedMoreThanStock",
			fault: query(`UPDATE stock SET listed = 90 WHERE shop = 'sg-1' AND sku = 'SKU-7'`),
		},
		"stock was not pushed for an hour": {
			pack: "stock", want: "StockStale",
			fault: query(`UPDATE stock SET changed_at = now() - interval '1 hour' WHERE shop = 'sg-1' AND sku = 'SKU-7'`),
		},
		"stock was not pushed for half a day": {
			pack: "stock", want: "StockVeryStale",
			fault: query(`UPDATE stock SET changed_at = now() - interval '12 hours', synced_at = now() - interval '13 hours' WHERE shop = 'sg-1' AND sku = 'SKU-7'`),
		},
		"a price is zero": {
			pack: "prices", want: "ZeroPrice", after: 1,
			fault: query(`UPDATE prices SET price = 0, listed_price = 0 WHERE shop = 'sg-1' AND sku = 'SKU-7'`),
		},
		"a price rose by sixteen percent": {
			pack: "prices", want: "PriceJumps",
			fault: query(`UPDATE prices SET price = 116, listed_price = 116 WHERE shop = 'sg-1' AND sku = 'SKU-7'`),
		},
		"a decimal point slipped": {
			pack: "prices", want: "ManyPricesJump",
			fault: query(`UPDATE prices SET price = 10, listed_price = 10 WHERE shop = 'sg-1'`),
		},
		"a price was set and not pushed": {
			pack: "prices", want: "PriceNotSynchronised", after: 32,
			fault: query(`UPDATE prices SET listed_price = 95 WHERE shop = 'sg-1' AND sku = 'SKU-7'`),
		},
		"three percent of the calls fail": {
			pack: "api-success", want: "ApiSuccessLow",
			fault: answers(func(s *shop) { s.success = 0.97 }),
		},
		"half of the calls fail": {
			pack: "api-success", want: "ApiSuccessVeryLow",
			fault: answers(func(s *shop) { s.success = 0.5 }),
		},
		"errors come ten times as often": {
			pack: "logs", want: "ErrorsInLogs", before: 90,
			fault: answers(func(s *shop) { s.lines["errors"] = 40 }),
		},
		"errors come a hundred times as often": {
			pack: "logs", want: "ErrorStormInLogs ErrorsInLogs", before: 90,
			fault: answers(func(s *shop) { s.lines["errors"] = 400 }),
		},
		"nothing is logged any more": {
			pack: "logs", want: "LogsSilent", before: 30, after: 8,
			fault: answers(func(s *shop) { s.lines["errors"], s.lines["all"] = 0, 0 }),
		},
		"nine tenths of the quota are used": {
			pack: "quota", want: "QuotaNearlyUsed", after: 20,
			fault: answers(func(s *shop) { s.remaining, s.falls = 1000, 0 }),
		},
		"nearly nothing of the quota is left": {
			pack: "quota", want: "QuotaAlmostGone", after: 20,
			fault: answers(func(s *shop) { s.remaining, s.falls = 100, 0 }),
		},
		"the quota will not last the hour": {
			pack: "quota", want: "QuotaRunsOut", after: 15,
			fault: answers(func(s *shop) { s.remaining, s.falls = 4900, 120 }),
		},
		"the marketplace throttles": {
			pack: "quota", want: "MarketplaceThrottles",
			fault: answers(func(s *shop) { s.throttles = true }),
		},
		"an authorisation ends in ten days": {
			pack: "credentials", want: "CredentialExpires",
			fault: query(`UPDATE credentials SET expires_at = now() + interval '10 days' WHERE name = 'authorisation' AND shop = 'sg-1'`),
		},
		"an authorisation ends tomorrow": {
			pack: "credentials", want: "CredentialExpiresSoon",
			fault: query(`UPDATE credentials SET expires_at = now() + interval '1 day' WHERE name = 'authorisation' AND shop = 'sg-1'`),
		},
		"an authorisation has ended": {
			pack: "credentials", want: "CredentialExpired",
			fault: query(`UPDATE credentials SET expires_at = now() - interval '1 hour' WHERE name = 'app secret' AND shop = 'sg-1'`),
		},
		"a certificate ends in ten days": {
			pack: "certificates", want: "CertificateExpires",
			fault: certificateEnds(10 * 24 * time.Hour),
		},
		"a certificate ends tomorrow": {
			pack: "certificates", want: "CertificateExpiresSoon",
			fault: certificateEnds(24 * time.Hour),
		},
		"an API in use goes in two months": {
			pack: "deprecations", want: "ApiDeprecated",
			fault: answers(func(s *shop) { s.gone = time.Now().Add(60 * 24 * time.Hour) }),
		},
		"an API in use goes in a week": {
			pack: "deprecations", want: "ApiGoesSoon",
			fault: answers(func(s *shop) { s.gone = time.Now().Add(7 * 24 * time.Hour) }),
		},
		"an API in use has gone": {
			pack: "deprecations", want: "ApiGone",
			fault: answers(func(s *shop) { s.gone = time.Now().Add(-7 * 24 * time.Hour) }),
		},
		"somebody starts another image": {
			pack: "drift", want: "ConfigurationDrift",
			fault: answers(func(s *shop) { s.runs = "v3" }),
		},
		"a job did not report": {
			pack: "heartbeats", want: "HeartbeatMissing", after: 1,
			fault: answers(func(s *shop) { s.beat.At = time.Now().Add(-2 * time.Hour) }),
		},
		"a job reported a failure": {
			pack: "heartbeats", want: "HeartbeatMissing", after: 1,
			fault: answers(func(s *shop) { s.beat.OK = false }),
		},
		"orders are accepted and lost": {
			pack: "order-push", want: "OrdersLost", after: 3,
			fault: answers(func(s *shop) { s.pushes = "lost" }),
		},
		"orders arrive with another quantity": {
			pack: "order-push", want: "OrderContentWrong OrdersLost", after: 3,
			fault: answers(func(s *shop) { s.pushes = "wrong" }),
		},
		"synthetic orders cannot be removed": {
			pack: "order-push", want: "SyntheticOrderLeft", after: 20,
			fault: query(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not allowed''; END';
				CREATE TRIGGER refuse BEFORE DELETE ON arrived FOR EACH ROW EXECUTE FUNCTION refuse()`),
		},
		"a messenger takes no messages": {
			pack: "guardian", want: "GuardianNoticesStuck",
			fault: metric(`{receiver="oncall"} 12`, `{receiver="oncall"} 2000`),
		},
		"notices were given up": {
			pack: "guardian", want: "GuardianNoticesGivenUp",
			fault: metric(`result="given_up"} 0`, `result="given_up"} 1`),
		},
		"the journal cannot be written": {
			pack: "guardian", want: "GuardianJournalFails", after: 3,
			fault: metric("commit_failures_total 0", "commit_failures_total 7"),
		},
		"half of the looks see nothing": {
			pack: "guardian", want: "GuardianBlind",
			fault: metric(`health="unknown"} 0`, `health="unknown"} 100`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.heal(t)
			w := newWatcher(t, s, folder, c.pack)
			if c.before == 0 {
				c.before = 2
			}
			if c.after == 0 {
				c.after = 12
			}
			if fired := w.minutes(t, c.before); len(fired) > 0 {
				t.Fatalf("%v fire before the fault", fired)
			}
			c.fault(t, s)
			if diff := cmp.Diff(c.want, strings.Join(w.minutes(t, c.after), " ")); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}

// The guardian's metrics have the names that the pack reads.
func TestGuardianHasTheMetricsThatItsPackReads(t *testing.T) {
	declared := declaredMetrics(t)
	for _, r := range alertsOf(t, "guardian") {
		for _, name := range r.Reads() {
			if !slices.Contains(declared, name) {
				t.Errorf("%s reads %s, which the guardian does not have", r.Alert, name)
			}
		}
	}
}

// If no call of an operation ever succeeds, the counter of successful calls does not exist.
func TestAPISuccessIsZeroWhereNothingEverSucceeded(t *testing.T) {
	s, folder := openShop(t), examples(t)
	w := newWatcher(t, s, folder, "api-success")
	var points []series.Point
	for i := range 11 {
		for _, c := range []struct {
			operation, result string
			each              float64
		}{{"getOrder", "ok", 60}, {"getOrder", "error", 60}, {"shipOrder", "error", 60}, {"getReport", "error", 1}} {
			points = append(points, series.Point{
				Metric: labels.FromStrings("__name__", "marketplace_api_calls_total", "shop", "sg-1", "operation", c.operation, "result", c.result),
				T:      w.now.Add(time.Duration(i-10) * time.Minute).UnixMilli(), F: c.each * float64(i),
			})
		}
	}
	if _, err := w.series.Write(t.Context(), points, func(i int, why error) { t.Fatalf("%v: %v", points[i], why) }); err != nil {
		t.Fatal(err)
	}
	share, err := w.series.Query(t.Context(), w.config.Checks[0].Settings.(*probes.PromQLSettings).Query, w.now)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, p := range share {
		got[p.Metric.Get("operation")] = p.F
	}
	if diff := cmp.Diff(map[string]float64{"getOrder": 0.5, "shipOrder": 0}, got); diff != "" {
		t.Errorf("share of calls that succeed (-want +got):\n%s", diff)
	}
}

// declaredMetrics lists the names of metrics that the sources register.
func declaredMetrics(t *testing.T) []string {
	t.Helper()
	declaration := regexp.MustCompile(`(?:Name:\s+|\bdesc\()"(guardian_\w+)"`)
	var names []string
	for _, pattern := range []string{"../probes/metrics.go", "../notifiers/metrics.go", "../internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range declaration.FindAllStringSubmatch(string(b), -1) {
				names = append(names, found[1])
			}
		}
	}
	return names
}
