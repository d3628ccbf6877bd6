package notify_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
	"guardian/test/leader"
)

// office is a notifier over a real journal: oncall reads English, shenzhen Chinese, and night is
// mute at all times.
type office struct {
	t        *testing.T
	store    *store.Store
	fence    store.Fence
	notifier *notify.Notifier
	settings decide.Settings
	metrics  *prometheus.Registry
	woken    []string
	refuse   error
	away     string // what cannot be read
	slow     func() // called between the reading of silences and their use
	zones    map[string]*time.Location
	fallback map[string]string
}

// Silences implements notify.Journal.
func (o *office) Silences(ctx context.Context, since time.Time) ([]route.Silence, error) {
	if o.away == "silences" {
		return nil, errors.New("the disk is gone")
	}
	read, err := o.store.Silences(ctx, since)
	if o.slow != nil {
		o.slow()
	}
	return read, err
}

// Acks implements notify.Journal.
func (o *office) Acks(ctx context.Context) ([]rules.Ack, error) {
	if o.away == "acks" {
		return nil, errors.New("the disk is gone")
	}
	return o.store.Acks(ctx)
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, metrics: prometheus.NewRegistry()}
	var err error
	if o.store, err = store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.store.Close() })
	lease, ok, err := o.store.Acquire(t.Context(), "test", "", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	o.fence = lease.Token
	always := route.Interval{Name: "always", Times: []route.Window{{Times: []route.Clock{{Start: "00:00", End: "24:00"}}}}}
	o.settings.Routes, err = route.New(route.Node{Receiver: "oncall", Routes: []route.Node{
		{Receiver: "oncall", Matchers: []string{`service="orders"`}, Continue: true},
		{Receiver: "shenzhen", Matchers: []string{`service="orders"`}, Continue: true},
		{Receiver: "night", Matchers: []string{`service="orders"`}, MuteTimeIntervals: []string{"always"}},
	}}, []string{"oncall", "shenzhen", "night"}, []route.Interval{always})
	if err != nil {
		t.Fatal(err)
	}
	o.notifier = notify.New(notify.Options{
		Settings: func() notify.Settings {
			return notify.Settings{Decisions: decide.NewSettings(o.settings), Teller: announce.Renderer{Language: "en"}, Languages: map[string]string{"shenzhen": "zh", "oncall": ""}, Zones: o.zones, Fallbacks: o.fallback}
		},
		Journal: o, Wake: func(r string) { o.woken = append(o.woken, r) }, Now: leader.Now, Log: leader.Log(), Registerer: o.metrics,
	})
	return o
}

// Commit implements notify.Committer.
func (o *office) Commit(b store.Batch) error {
	if o.refuse != nil {
		return o.refuse
	}
	return o.store.Commit(o.t.Context(), o.fence, b)
}

// notice makes a notice of a kind about orders that says in which language it is.
func notice(kind string) notify.Render {
	return func(t announce.Renderer) notifiers.Notice {
		return notifiers.Notice{Key: kind + "/1", Kind: kind, Tier: "critical", Title: "in " + t.Language, Labels: map[string]string{"service": "orders"}}
	}
}

// queued are the notices in the outbox.
func (o *office) queued() []string {
	o.t.Helper()
	ds, err := o.store.Deliveries(o.t.Context(), store.DeliveryFilter{})
	if err != nil {
		o.t.Fatal(err)
	}
	all := []string{}
	ids := map[string]bool{}
	for _, d := range ds {
		all = append([]string{d.Receiver + " " + d.Notice.Title}, all...)
		ids[d.ID], ids[d.Notice.ID] = true, true
	}
	if len(ids) != 2*len(ds) {
		o.t.Errorf("%d IDs of %d notices and deliveries", len(ids), 2*len(ds))
	}
	return all
}

func (o *office) suppressed() float64 {
	o.t.Helper()
	n, err := testutil.GatherAndCount(o.metrics, "guardian_notices_suppressed_total")
	if err != nil || n != 1 {
		o.t.Fatal(n, err)
	}
	all, err := o.metrics.Gather()
	if err != nil {
		o.t.Fatal(err)
	}
	return all[0].GetMetric()[0].GetCounter().GetValue()
}

func (o *office) silence(id string, from, until time.Time) {
	o.t.Helper()
	m, err := route.NewMatcher("service", route.Equal, "orders")
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.Commit(store.Batch{Silences: []route.Silence{{ID: id, Matchers: route.Matchers{m}, From: from, Until: until, By: "ada", Created: leader.Now()}}}); err != nil {
		o.t.Fatal(err)
	}
	o.notifier.Refresh(o.t.Context())
}

func TestANoticeIsQueuedForEachReceiverInItsLanguage(t *testing.T) {
	o := newOffice(t)
	notified, err := o.notifier.Send(o, notice("alert"))
	if err != nil || !notified {
		t.Fatal(notified, err)
	}
	if diff := cmp.Diff([]string{"oncall in en", "shenzhen in zh"}, o.queued()); diff != "" {
		t.Errorf("the outbox (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"oncall", "shenzhen"}, o.woken); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	if n := o.suppressed(); n != 1 {
		t.Errorf("%v notices are counted as suppressed, of one mute route", n)
	}
}

// What may come to a fallback that reads another language is written in that one too.
func TestANoticeIsWrittenForItsFallbacksToo(t *testing.T) {
	o := newOffice(t)
	o.fallback = map[string]string{"oncall": "night", "night": "shenzhen", "shenzhen": "oncall"}
	var b store.Batch
	o.notifier.Queue(&b, "oncall", leader.Now(), notice("alert"))
	words := b.Deliveries[0].Wordings
	if len(words) != 3 || words["shenzhen"].Title != "in zh" || words["night"].Title != "in en" {
		t.Errorf("%+v", words)
	}
	o.fallback = map[string]string{"oncall": "night"}
	o.notifier.Queue(&b, "oncall", leader.Now(), notice("alert"))
	if words := b.Deliveries[1].Wordings; words != nil {
		t.Errorf("it is written twice in one language: %+v", words)
	}
}

func TestWhatIsSuppressed(t *testing.T) {
	hour := time.Hour
	for name, c := range map[string]struct {
		kind       string
		change     func(*office)
		suppressed bool
	}{
		"an alert during a silence": {"alert", func(o *office) { o.silence("s_1", leader.Now().Add(-hour), leader.Now().Add(hour)) }, true},
		"a run during a silence":    {"run", func(o *office) { o.silence("s_1", leader.Now().Add(-hour), leader.Now().Add(hour)) }, true},
		"not before a silence":      {"alert", func(o *office) { o.silence("s_1", leader.Now().Add(hour), leader.Now().Add(2*hour)) }, false},
		"not after it was ended": {"alert", func(o *office) {
			o.silence("s_1", leader.Now().Add(-hour), leader.Now().Add(hour))
			o.silence("s_1", leader.Now().Add(-hour), leader.Now())
		}, false},
		"an alert during a maintenance": {"alert", maintenance, true},
		"blindness during one":          {"blind", maintenance, true},
		"not a run during one":          {"run", maintenance, false},
		"not a verdict during one":      {"watch", maintenance, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			c.change(o)
			notified, err := o.notifier.Send(o, notice(c.kind))
			if err != nil || notified == c.suppressed {
				t.Fatalf("notified: %v, %v", notified, err)
			}
			if got := o.queued(); (len(got) == 0) != c.suppressed || (len(o.woken) == 0) != c.suppressed {
				t.Errorf("queued %v, woken %v", got, o.woken)
			}
			if c.suppressed && o.suppressed() != 1 {
				t.Errorf("it counts %v", o.suppressed())
			}
			// The notification log says of an alert that it was told: it is, once it is in the outbox.
			drops := o.notifier.Drop(notifiers.Delivery{Notice: notice(c.kind)(announce.Renderer{})})
			if (drops != "") != (c.suppressed && c.kind != "alert") {
				t.Errorf("what is in the outbox is not sent: %q", drops)
			}
		})
	}
}

// A fact is in the journal with its notice, or neither is.
func TestAFactIsRecordedWithItsNotice(t *testing.T) {
	o := newOffice(t)
	fact := store.Batch{Acks: []rules.Ack{{Alert: "a_1", By: "ada", At: leader.Now()}}}
	o.refuse = errors.New("the disk is full")
	if err := o.notifier.Record(o, fact, notice("flag")); !errors.Is(err, o.refuse) || len(o.woken) > 0 || len(o.queued()) > 0 {
		t.Errorf("%v; woken %v, queued %v", err, o.woken, o.queued())
	}
	o.refuse = nil
	if err := o.notifier.Record(o, fact, notice("flag")); err != nil {
		t.Fatal(err)
	}
	acks, err := o.store.Acks(t.Context())
	if diff := cmp.Diff([]string{"oncall", "shenzhen"}, o.woken); diff != "" || err != nil || len(acks) != 1 || len(o.queued()) != 2 {
		t.Errorf("%d acknowledgements (%v), queued %v; woken (-want +got):\n%s", len(acks), err, o.queued(), diff)
	}
}

// What the dispatcher tells of itself is in the language of who gets it.
func TestNoticesAboutTheOutbox(t *testing.T) {
	o := newOffice(t)
	given := o.notifier.GivenUp(notifiers.Delivery{ID: "q_1", Receiver: "oncall", Notice: notifiers.Notice{Title: "push fails"}}, "shenzhen")
	used := o.notifier.QuotaUsed(notifiers.Usage{Receiver: "oncall", Calls: 4000, Quota: 5000}, "shenzhen")
	for _, n := range []notifiers.Notice{given, used} {
		if n.ID == "" || n.Created.IsZero() || !strings.ContainsFunc(n.Title, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%+v", n)
		}
	}
	if !strings.Contains(given.Title+given.Text, "push fails") {
		t.Errorf("what was given up is missing: %+v", given)
	}
}

func maintenance(o *office) {
	o.settings.Maintenance = []decide.Maintenance{{Name: "stocktaking", Spans: func(from, to time.Time) []decide.Span {
		return []decide.Span{{From: from.Add(-time.Hour), To: to.Add(time.Hour)}}
	}}}
}

func TestANoticeThatCouldNotBeQueuedWasNotSent(t *testing.T) {
	o := newOffice(t)
	o.refuse = errors.New("the disk is full")
	if notified, err := o.notifier.Send(o, notice("alert")); notified || err == nil {
		t.Errorf("notified: %v, %v", notified, err)
	}
	if len(o.woken) > 0 || len(o.queued()) > 0 {
		t.Errorf("woken: %v, queued: %v", o.woken, o.queued())
	}
}

func TestANoticeThatSaysNothingIsNotQueued(t *testing.T) {
	o := newOffice(t)
	nothing := func(announce.Renderer) notifiers.Notice { return notifiers.Notice{} }
	if notified, err := o.notifier.Send(o, nothing); notified || err != nil {
		t.Errorf("notified: %v, %v", notified, err)
	}
	o.settings.Routes = nil
	if notified, err := o.notifier.Send(o, notice("alert")); notified || err != nil {
		t.Errorf("notified without receivers: %v, %v", notified, err)
	}
}

// TestWhatPeopleSaidIsKeptWhileTheJournalIsAway: a silence does not end because it cannot be read.
func TestWhatPeopleSaidIsKeptWhileTheJournalIsAway(t *testing.T) {
	o := newOffice(t)
	if err := o.Commit(store.Batch{Acks: []rules.Ack{{Alert: "a_1", By: "ada", At: leader.Now()}}}); err != nil {
		t.Fatal(err)
	}
	o.silence("s_1", leader.Now().Add(-time.Hour), leader.Now().Add(time.Hour))
	for _, o.away = range []string{"silences", "acks"} {
		o.notifier.Refresh(t.Context())
		if n := len(o.notifier.Silences()); n != 1 {
			t.Errorf("%s cannot be read: %d silences", o.away, n)
		}
		if k, ok := o.notifier.Ack("a_1"); !ok || k.By != "ada" {
			t.Errorf("%s cannot be read: the acknowledgement is gone", o.away)
		}
	}
	o.away = ""
	if _, ok := o.notifier.Ack("a_2"); ok {
		t.Error("an alert is acknowledged that nobody acknowledged")
	}
	if err := o.Commit(store.Batch{AcksGone: []string{"a_1"}}); err != nil {
		t.Fatal(err)
	}
	o.notifier.Refresh(t.Context())
	if _, ok := o.notifier.Ack("a_1"); ok {
		t.Error("an acknowledgement that was taken back stays")
	}
}

// TestASilenceCountsAtOnce: a reading that began before it does not take it back.
func TestASilenceCountsAtOnce(t *testing.T) {
	o := newOffice(t)
	reading, goOn := make(chan bool), make(chan bool)
	var first atomic.Bool
	o.slow = func() {
		if first.CompareAndSwap(false, true) {
			close(reading)
			<-goOn
		}
	}
	var all sync.WaitGroup
	all.Go(func() { o.notifier.Refresh(t.Context()) })
	<-reading
	m, err := route.ParseMatchers(`service="orders"`)
	if err != nil {
		t.Fatal(err)
	}
	now := leader.Now()
	if err := o.Commit(store.Batch{Silences: []route.Silence{{ID: "s_1", Matchers: m, From: now, Until: now.Add(time.Hour), By: "ada", Created: now}}}); err != nil {
		t.Fatal(err)
	}
	all.Go(func() { o.notifier.Refresh(t.Context()) })
	time.Sleep(20 * time.Millisecond) // without an order between the two, this one is through by now
	close(goOn)
	all.Wait()
	if len(o.notifier.Silences()) != 1 {
		t.Error("the silence is forgotten")
	}
}

// TestAReceiverOfOnePersonHasTheirTimeZone: a notice that says a time says it as its reader's clock.
func TestAReceiverOfOnePersonHasTheirTimeZone(t *testing.T) {
	jakarta, err := time.LoadLocation("Asia/Jakarta")
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t)
	o.zones = map[string]*time.Location{"shenzhen": jakarta}
	render := func(t announce.Renderer) notifiers.Notice {
		zone := "the server's"
		if t.Location != nil {
			zone = t.Location.String()
		}
		return notifiers.Notice{Key: "x/1", Title: zone, Labels: map[string]string{"service": "orders"}}
	}
	if _, err := o.notifier.Send(o, render); err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	o.notifier.Queue(&b, "shenzhen", leader.Now(), render)
	if err := o.Commit(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"oncall the server's", "shenzhen Asia/Jakarta", "shenzhen Asia/Jakarta"}, o.queued()); diff != "" {
		t.Errorf("the outbox (-want +got):\n%s", diff)
	}
}
