//go:build realshop

package realshop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"guardian/test/fake/chat/slack"
	"guardian/test/program"
	"guardian/test/rig"
)

// binary is the program under test, built once.
var binary program.Program

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &binary)) }

// outcome is what became of a scenario.
type outcome struct {
	got  string
	took string // from the beginning of the fault
}

// stage is the shop, the guardian that watches it and what people were told.
type stage struct {
	*rig.Guardian
	t     *testing.T
	shop  *shop
	slack *slack.Server
}

// scenario is something that happens to the shop. Those that follow find it as it is left.
type scenario struct {
	name, want string
	play       func(*stage) outcome
}

func scenarios() []scenario {
	return []scenario{
		{"one order by hand", "ok", (*stage).byHand},
		{"v2, a good version", "passed, nothing rolled back", func(st *stage) outcome { return st.ship("v2", "v2") }},
		{"v3 loses one order in three", "failed, back at v2, cured", func(st *stage) outcome { return st.ship("v3", "v2") }},
		{"v4 settles no payment", "failed, back at v2, cured", func(st *stage) outcome { return st.ship("v4", "v2") }},
		{"a job writes wrong prices", "failed, undone, cured", (*stage).priceJob},
		{"the database is away", "blind, people told, nothing rolled back", (*stage).databaseAway},
		{"it is away while good v5 is watched", "passed, nothing rolled back", (*stage).databaseAwayInWatch},
		{"the guardian stops", "the seller sees no synthetic order", (*stage).leaves},
	}
}

func TestRealShop(t *testing.T) {
	st := open(t)
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "scenario\texpected\tgot\ttime to it")
	for _, s := range scenarios() {
		o := s.play(st)
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.name, s.want, o.got, o.took)
		fmt.Printf("%s: %s (%s)\n", s.name, o.got, o.took)
		if o.got != s.want {
			fmt.Printf("  orders-api: %s\n  orders-sql: %s\n", st.last("orders-api"), st.last("orders-sql"))
			t.Errorf("%s: %s; expected: %s", s.name, o.got, s.want)
		}
	}
	_ = w.Flush()
	fmt.Printf("\n%s\n", &table)
}

// open starts the shop and the guardian, and lets it see the shop at work for a while.
func open(t *testing.T) *stage {
	t.Helper()
	st := &stage{t: t, shop: openShop(t), slack: slack.New(slack.WithoutLimit())}
	t.Cleanup(st.slack.Close)
	for name, value := range map[string]string{
		"SHOP_URL": st.shop.url, "SHOP_TOKEN": st.shop.token, "SHOP_DSN": st.shop.dsn, "SLACK_WEBHOOK": st.slack.URL(),
	} {
		t.Setenv(name, value)
	}
	files := map[string]string{}
	for _, name := range []string{"prices.yaml", "order-push.yaml"} {
		files[name] = read(t, "../../configs/packs/"+name)
	}
	st.Guardian = rig.New(t, binary, strings.ReplaceAll(read(t, "guardian.yaml"), "DEPLOYER", st.shop.deployer), files)
	if out, err := st.command("check", st.File).CombinedOutput(); err != nil {
		t.Fatalf("guardian check: %v\n%s", err, out)
	} else {
		fmt.Printf("guardian check: %s\n", out)
	}
	st.Level = "info"
	st.Start()
	st.waitLooks(15)
	return st
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// command is a command of the guardian, as somebody types it.
func (st *stage) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary.Path, args...)
	cmd.Env = append(os.Environ(), "GUARDIAN_URL="+st.URL)
	return cmd
}

// waitLooks waits until both checks have pushed so many orders that came through.
func (st *stage) waitLooks(n int) {
	st.t.Helper()
	st.Eventually("orders that come through", func() bool {
		return st.Query(fmt.Sprintf(`order_push_orders_total{result="ok"} >= %d`, n)) == 2
	})
}

func (st *stage) byHand() outcome {
	var got outcome
	// The shop has just started, and its first orders are slow: a person would try again.
	for try := range 3 {
		began := time.Now()
		out, err := st.command("probe", "orders-api", "--push", "--config", st.File).CombinedOutput()
		if err == nil {
			return outcome{"ok", fmt.Sprintf("%s, at try %d", took(time.Since(began)), try+1)}
		}
		got = outcome{got: fmt.Sprintf("%v:\n%s", err, out)}
	}
	return got
}

// ship deploys a version as a pipeline does, and tells what came of it; want is the version that must be
// in place afterwards.
func (st *stage) ship(version, want string) outcome {
	o := st.announce("--version", version, "--wait=cured", "--exec", "--", "curl", "-fsS", "-X", "POST", st.shop.deployer+"/deploys/"+version)
	if now := st.version(); now != want {
		o.got += ", and " + now + " runs"
	}
	return o
}

func (st *stage) priceJob() outcome {
	st.waitWell()
	before, err := st.shop.prices(st.t.Context())
	if err != nil {
		st.t.Fatal(err)
	}
	job := "prices-2026-11-30"
	o := st.announce("--version", job, "--kind", "operation", "--wait=cured", "--exec", "--", "curl", "-fsS", "-X", "POST", st.shop.deployer+"/prices/"+job)
	after, err := st.shop.prices(st.t.Context())
	if err != nil {
		st.t.Fatal(err)
	}
	if fmt.Sprint(before) != fmt.Sprint(after) {
		o.got += ", and the prices are still wrong"
	}
	return o
}

// announce runs guardian watch, and describes how it ended.
func (st *stage) announce(args ...string) outcome {
	st.waitWell()
	runs, began := len(st.Runs()), time.Now()
	out, err := st.command(append([]string{"watch", "--service", "shop"}, args...)...).CombinedOutput()
	id := regexp.MustCompile(`w_[0-9A-Z]{26}`).FindString(string(out))
	if id == "" {
		st.t.Fatalf("guardian watch: %v\n%s", err, out)
	}
	// The fault begins when the new version answers.
	if first := st.shop.answered(args[1]); !first.IsZero() {
		began = first
	}
	w := st.Watch(id)
	if w.Reason != "" {
		fmt.Printf("  %s\n", w.Reason)
	}
	o := outcome{got: w.State, took: took(w.Ended.Sub(began))}
	now := st.Runs()
	switch {
	case len(now) == runs:
		o.got += ", nothing rolled back"
		return o
	case now[0].To == "":
		o.got += ", undone"
	default:
		o.got += ", back at " + now[0].To
	}
	if now[0].Reason != "" {
		fmt.Printf("  %s\n", now[0].Reason)
	}
	o.got += ", " + now[0].State
	o.took += ", " + now[0].State + " after " + took(time.Since(began))
	return o
}

// version is the one that answers.
func (st *stage) version() string {
	resp, err := http.Get(st.shop.url + "/health")
	if err != nil {
		return err.Error()
	}
	_ = resp.Body.Close()
	return resp.Header.Get("X-Version")
}

// waitWell waits until orders come through and no alert of them fires.
func (st *stage) waitWell() {
	st.t.Helper()
	for _, check := range []string{"orders-api", "orders-sql", "prices"} {
		defer func() {
			if st.t.Failed() {
				fmt.Printf("  %s: %s\n", check, st.last(check))
			}
		}()
		st.Up(check)
	}
	st.Eventually("the gate is open", func() bool {
		var g struct{ Open bool }
		return st.Try(http.MethodGet, "/api/v1/gate?service=shop", nil, &g) == nil && g.Open
	})
}

func took(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// health is the state of a check: up, down or unknown.
func (st *stage) health(check string) string {
	var a struct{ Health string }
	if err := st.Try(http.MethodGet, "/api/v1/checks/"+check, nil, &a); err != nil {
		return err.Error()
	}
	return strings.ToLower(a.Health)
}

// last is what the last looks of a check saw.
func (st *stage) last(check string) string {
	var a json.RawMessage
	if err := st.Try(http.MethodGet, "/api/v1/checks/"+check, nil, &a); err != nil {
		return err.Error()
	}
	return string(a[:min(len(a), 4000)])
}

func (st *stage) told(what string) bool {
	for _, m := range st.slack.Shown() {
		if strings.Contains(fmt.Sprintf("%+v", m), what) {
			return true
		}
	}
	return false
}

func (st *stage) databaseAway() outcome {
	st.waitWell()
	runs, began := len(st.Runs()), time.Now()
	st.shop.database.Cut()
	st.Eventually("orders unknown", func() bool { return st.health("orders-api") == "unknown" && st.health("orders-sql") == "unknown" })
	blind := time.Since(began)
	st.Eventually("people told", func() bool { return st.told("database") })
	told := time.Since(began)
	time.Sleep(time.Minute) // in which nothing else may happen
	down := st.Query(`sum(count_over_time((probe_success{check=~"orders-.*"} == 0)[1m:1s])) > 5`)
	st.shop.database.Mend()
	st.waitWell()
	o := outcome{"blind, people told, nothing rolled back", fmt.Sprintf("blind after %s, told after %s", took(blind), took(told))}
	if down > 0 {
		o.got = "down" + strings.TrimPrefix(o.got, "blind")
	}
	if len(st.Runs()) != runs {
		o.got = "blind, and something was rolled back"
	}
	return o
}

func (st *stage) databaseAwayInWatch() outcome {
	away := make(chan struct{})
	st.waitWell()
	go func() {
		defer close(away)
		for st.version() != "v5" {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(15 * time.Second) // some looks
		st.shop.database.Cut()
		time.Sleep(30 * time.Second)
		st.shop.database.Mend()
	}()
	o := st.ship("v5", "v5")
	<-away
	return o
}

// leaves looks at what is left when the guardian has stopped. An order of v3 that is paid and was never
// placed stays: Vendure cancels no such order, and the guardian tells people its number.
func (st *stage) leaves() outcome {
	const left = `SELECT count(*) FROM "order" WHERE "customFieldsChannelorderid" LIKE 'guardian-%' AND state <> 'Cancelled' AND "orderPlacedAt" IS `
	began := time.Now()
	st.Stop()
	fmt.Printf("  %d orders were paid and never placed\n", st.shop.query(left+`NULL AND state = 'PaymentSettled'`))
	if n := st.shop.query(left + `NULL AND state <> 'PaymentSettled'`); n > 0 {
		return outcome{fmt.Sprintf("%d carts left", n), took(time.Since(began))}
	}
	if n := st.shop.query(left + "NOT NULL"); n > 0 {
		return outcome{fmt.Sprintf("%d synthetic orders left", n), took(time.Since(began))}
	}
	return outcome{"the seller sees no synthetic order", took(time.Since(began))}
}
