package hostile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/test/program"
	"guardian/test/rig"
)

// Options is what a guardian does, and what it suffers meanwhile.
type Options struct {
	Checks int
	Every  time.Duration // of each check
	Judged time.Duration // the interval of the check whose deploy is bad
	Down   int           // how many checks go down in each phase, and up again
	Within time.Duration // in which they go down

	Series  int // that are written, and then others without end
	Limit   int // how many others may write; 0: the default
	Writers int // connections
	Queries int // at once
	Idle    int // connections that do nothing
	Slow    int // connections that read a byte a second
	Seed    uint64

	Together bool // all attacks at once
}

// attack is one that goes on.
type attack struct {
	Options
	tb     testing.TB
	g      *rig.Guardian
	shop   *shop
	random *rand.Rand
	result Result
}

// Run lets a guardian work without an attack, and then during each one; or during all of them at once.
func Run(tb testing.TB, binary program.Program, o Options) *Result {
	tb.Helper()
	a := &attack{Options: o, tb: tb, shop: newShop(tb), random: rand.New(rand.NewPCG(o.Seed, 0))} //nolint:gosec // any order will do
	a.g = rig.New(tb, binary, a.config(), map[string]string{"rules.yaml": ruleFile})
	a.g.Level = "warn"
	a.g.Start()
	w := newWriter(tb, a.g.URL, o)
	a.g.Eventually("every check is up", func() bool { return a.g.Query(`probe_success == 1`) == o.Checks+1 })

	writes := func(ctx context.Context) {
		w.begin()
		<-ctx.Done()
		a.result.Writes = w.end()
	}
	asks := func(ctx context.Context) {
		a.result.Queries = append(a.result.Queries, ask(ctx, a.g.URL, o.Queries)...)
	}
	connects := func(ctx context.Context) {
		a.result.Idle = idle(ctx, a.g.URL, o.Idle)
		slow(ctx, a.g.URL, o.Slow)
		a.result.Beside = ask(ctx, a.g.URL, 1)
	}
	refused := func() bool { return w.written.Load() && a.metric(`guardian_self_fault{fault="foreign_series"}`) == 1 }
	never := func() bool { return true }
	if o.Together {
		a.phase("all at once", refused, writes, asks, connects)
	} else {
		a.phase("without", never)
		a.phase("hostile writer", refused, writes)
		a.phase(fmt.Sprintf("%d heavy queries", o.Queries), never, asks)
		a.phase(fmt.Sprintf("%d idle, %d slow readers", o.Idle, o.Slow), never, connects)
	}
	a.result.Series = a.metric(`guardian_series_of_source{source="remote_write"}`)
	a.result.Told = a.shop.toldOfWriter()
	_, a.result.Memory, _ = a.g.Memory()
	return &a.result
}

const ruleFile = `
groups:
  - name: checks
    rules:
      - {alert: CheckDown, expr: 'probe_success == 0', labels: {tier: critical}, annotations: {summary: '{{ $labels.check }} is down'}}
      - {alert: TooManyOrders, expr: 'sum(ext_orders) < 0', labels: {tier: warning}}
`

func (a *attack) config() string {
	var b strings.Builder
	limit := ""
	if a.Limit > 0 {
		limit = fmt.Sprintf(", limits: {ingested_series: %d}", a.Limit)
	}
	fmt.Fprintf(&b, "server: {listen: LISTEN%s}\nstorage: {path: data}\ningest: [\"ext_*\"]\nrules: [rules.yaml]\nservices:\n  - {name: order-sync, watch: {for: 10m, mode: observe, min_samples: 5}}\n", limit)
	for i := 1; i <= a.Checks/50; i++ {
		fmt.Fprintf(&b, "  - {name: s%d}\n", i)
	}
	b.WriteString("checks:\n")
	for i := range a.Checks {
		service := "order-sync"
		if i > 0 {
			service = fmt.Sprintf("s%d", i%max(a.Checks/50, 1)+1)
		}
		every := a.Every
		if i == 0 { // the one whose deploy is bad
			every = a.Judged
		}
		fmt.Fprintf(&b, "  - {name: c%d, service: %s, every: %s, http: {url: %q}}\n", i, service, every, fmt.Sprintf("%s/check/%d", a.shop.server.URL, i))
	}
	fmt.Fprintf(&b, "  - {name: exporter, service: s1, every: 15s, scrape: {url: \"%s/exporter\", metrics: [queue_depth], max_series: 2000}}\n", a.shop.server.URL)
	fmt.Fprintf(&b, "receivers:\n  - {name: hook, webhook: {url: \"%s/told\"}}\nroutes: {receiver: hook, group_by: [alertname, check], group_wait: 0s}\n", a.shop.server.URL)
	return b.String()
}

// phase lets checks go down and a deploy be bad while attacks go on, and measures. It lasts until the attacks
// have done what they are for, too.
func (a *attack) phase(name string, done func() bool, attacks ...func(ctx context.Context)) {
	a.tb.Helper()
	ctx, stop := context.WithCancel(a.tb.Context())
	defer stop()
	var attacking, watching sync.WaitGroup
	for _, one := range attacks {
		attacking.Go(func() { one(ctx) })
	}
	p := Phase{Name: name}
	watching.Go(func() { a.watch(ctx, &p) })
	skipped, cpu, began := a.sum("guardian_probe_skipped_total"), a.cpu(), time.Now()

	a.shop.forget()
	down := a.random.Perm(a.Checks - 1)[:a.Down]
	over := false
	defer func() {
		if !over {
			a.tb.Logf("%s: of these checks people were not told all: %v", name, a.shop.untold(down))
			for _, p := range a.result.Phases {
				a.tb.Logf("%s: told after %s at most, %.0f looks skipped", p.Name, p.wait(1), p.Skipped)
			}
		}
	}()
	flipped := map[int]time.Time{}
	moments := make([]time.Duration, a.Down)
	for i := range moments {
		moments[i] = time.Duration(a.random.Int64N(int64(a.Within)))
	}
	slices.Sort(moments)
	for i, n := range down {
		time.Sleep(time.Until(began.Add(moments[i])))
		a.shop.set(n+1, true)
		flipped[n+1] = time.Now()
	}
	watched := a.g.Deploy(fmt.Sprintf("v%d", 2+len(a.result.Phases)), nil)
	a.shop.set(0, true)
	bad := time.Now()
	p.Verdict = a.g.Verdict(watched).State
	p.Judged = time.Since(bad)
	a.shop.set(0, false)
	a.g.Eventually("people hear of each check that is down", func() bool {
		return !slices.ContainsFunc(down, func(n int) bool { _, told := a.shop.when(fmt.Sprintf("c%d", n+1)); return !told })
	})
	for n, at := range flipped {
		told, _ := a.shop.when(fmt.Sprintf("c%d", n))
		p.Waits = append(p.Waits, told.Sub(at))
		a.shop.set(n, false)
	}
	slices.Sort(p.Waits)
	a.g.Eventually("people hear that each check is up", func() bool {
		return !slices.ContainsFunc(down, func(n int) bool { return !a.shop.isOver(fmt.Sprintf("c%d", n+1)) })
	})
	a.g.Eventually("what the attack is for", done)
	p.Skipped = a.sum("guardian_probe_skipped_total") - skipped
	p.Cores = (a.cpu() - cpu).Seconds() / time.Since(began).Seconds()
	stop()
	attacking.Wait()
	watching.Wait()
	a.result.Phases = append(a.result.Phases, p)
	over = true
}

// watch measures memory until ctx ends.
func (a *attack) watch(ctx context.Context, p *Phase) {
	for tick := time.NewTicker(500 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		now, _, err := a.g.Memory()
		if err != nil {
			a.tb.Errorf("the process is gone: %v", err)
			return
		}
		p.Memory = max(p.Memory, now)
	}
}

func (a *attack) cpu() time.Duration {
	used, err := a.g.CPU()
	if err != nil {
		a.tb.Fatal(err)
	}
	return used
}
