//go:build !race

package runs_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/clock"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/internal/versions"
	"guardian/notifiers/route"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

// The limits of the sequences' guards.
const (
	loopCooldown = 30 * time.Minute
	loopBudget   = 2
	loopBrake    = 2
	loopWithin   = 10 * time.Minute
)

// loopWorld is a guardian of three services with a journal in memory, whose clock jumps.
type loopWorld struct {
	t        *testing.T
	offset   atomic.Int64 // of the machine's clock
	clock    *clock.Clock // of the process
	journal  *loopJournal
	settings *decide.Settings
	books    map[string]*actions.Runbook

	ctx    context.Context // of the leadership
	stop   context.CancelFunc
	driver *runs.Driver
}

func newLoopWorld(t *testing.T) *loopWorld {
	t.Helper()
	w := &loopWorld{t: t}
	w.journal = &loopJournal{now: w.now, effects: map[string]bool{}, counts: map[string]int{}, believed: map[string]string{}, bad: map[string]bool{}}
	s := decide.Settings{
		Runbooks: map[string]decide.Runbook{"back": {Cooldown: loopCooldown, MaxRunsPerDay: loopBudget, ApprovalWithin: 20 * time.Minute}},
		Brake:    actions.BrakeLimit{MaxFailingServices: loopBrake, Within: loopWithin},
	}
	for _, name := range loopServices() {
		settings := watch.DefaultSettings()
		settings.Mode = watch.Auto
		if name == "stock" {
			settings.Mode = watch.Approve
		}
		s.Services = append(s.Services, decide.Service{Name: name, Environment: watch.DefaultEnvironment, Watch: settings, Rollback: "back", KnownGood: []string{"v0"}})
	}
	w.settings = decide.NewSettings(s)
	w.books = map[string]*actions.Runbook{"back": {
		Name: "back", Steps: []actions.RunbookStep{{Name: "switch", Kind: "fake", Timeout: time.Hour, Step: loopStep{w.journal}}},
		Verify:   actions.Verify{For: time.Minute, Every: 10 * time.Second, Successes: 2},
		Approval: actions.Approval{Timeout: 20 * time.Minute, OnTimeout: actions.OnTimeoutExpire, Quorum: 1, Roles: []string{"approver"}},
		Cooldown: loopCooldown, MaxRunsPerDay: loopBudget, OnFailure: actions.OnFailureStop,
	}}
	return w
}

func (w *loopWorld) now() time.Time { return w.clock.Now().UTC() }

// machine is the time of the machine, with a monotonic reading.
func (w *loopWorld) machine() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

func (w *loopWorld) decider() decide.Decider {
	return decide.Decider{Settings: w.settings, Past: loopPast{w.journal}}
}

func (w *loopWorld) believed(service string) string {
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	return w.journal.believed[service]
}

// lead goes on with what is in the journal, as after a start.
func (w *loopWorld) lead() {
	w.ctx, w.stop = context.WithCancel(w.t.Context())
	began := time.Duration(w.offset.Load())
	w.clock = clock.New(func() time.Time { return time.Now().Add(began) }, w.machine, leader.Log())
	engine, err := actions.NewEngine(actions.Options{
		Runbooks: func(name string) (*actions.Runbook, bool) { b, ok := w.books[name]; return b, ok },
		Ledger:   loopLedger{w}, Verifier: loopVerifier{w}, Now: w.now, Log: leader.Log(), LeaseValid: func() bool { return true },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.driver, err = runs.Resume(w.ctx, runs.Options{
		Engine: engine, Leadership: w.journal, Journal: w.journal, Decider: w.decider, Present: func(string) decide.Present { return decide.Present{} },
		Notifier: notify.New(notify.Options{
			Settings: func() notify.Settings { return notify.Settings{Decisions: w.settings} },
			Journal:  nobody{}, Wake: func(string) {}, Now: w.now, Log: leader.Log(), Registerer: prometheus.NewRegistry(),
		}),
		Changed: func() {}, Now: w.now, Log: leader.Log(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.driver.Start()
}

// nobody silenced or acknowledged anything.
type nobody struct{}

func (nobody) Silences(context.Context, time.Time) ([]route.Silence, error) { return nil, nil }
func (nobody) Acks(context.Context) ([]rules.Ack, error)                    { return nil, nil }

type loopLedger struct{ w *loopWorld }

// Record implements actions.Ledger.
func (l loopLedger) Record(ctx context.Context, r actions.Record) error {
	return l.w.driver.Record(ctx, r)
}

// loopVerifier finds a check up, but for some minutes down.
type loopVerifier struct{ w *loopWorld }

// Look implements actions.Verifier.
func (v loopVerifier) Look(_ context.Context, check string) (actions.CheckResult, error) {
	if lot("still failing", fmt.Sprint(check, v.w.now().Unix()/600), 4) {
		return actions.CheckResult{Check: check, Health: "down", Looks: 1}, nil
	}
	return actions.CheckResult{Check: check, Health: "up", Looks: 1}, nil
}

// Ask implements actions.Verifier.
func (v loopVerifier) Ask(ctx context.Context, run actions.Run, _ actions.Symptom, _ time.Time) (actions.CheckResult, error) {
	return v.Look(ctx, run.Service)
}

// loopStep takes a minute or none, has its effect in the middle of it, and fails for some runs.
type loopStep struct{ j *loopJournal }

// Do implements actions.Step.
func (s loopStep) Do(ctx context.Context, c actions.Call) (string, error) {
	if !lot("quick", c.Run.ID, 3) && !actions.Pause(ctx, time.Minute, nil) {
		s.j.count("crash in a step")
		return "", ctx.Err()
	}
	if lot("step fails", c.Run.ID, 6) {
		return "", errors.New("the target is away")
	}
	s.j.mu.Lock()
	if s.j.effects[c.Intent] {
		s.j.violates("the step of %s was done twice", c.Run.ID)
	}
	s.j.effects[c.Intent] = true
	s.j.mu.Unlock()
	if !lot("quick", c.Run.ID, 3) && !actions.Pause(ctx, time.Minute, nil) {
		s.j.count("crash in a step")
		return "", ctx.Err()
	}
	return "done", nil
}

// Status implements actions.Step.
func (s loopStep) Status(_ context.Context, c actions.Call) (actions.Outcome, reason.Reason, error) {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	if s.j.effects[c.Intent] {
		return actions.Happened, reason.Reason{}, nil
	}
	return actions.NotHappened, reason.Reason{}, nil
}

// loopJournal keeps everything in memory, and looks at every run that begins.
type loopJournal struct {
	now func() time.Time

	mu      sync.Mutex
	number  int
	runs    []actions.Run // in the order in which they were created
	deploys []watch.Deploy
	watches []watch.Watch
	goods   []store.KnownGood
	effects map[string]bool // by intent

	believed map[string]string // by service: the version that runs, as far as was announced and put back
	bad      map[string]bool   // by service and version: it failed, or was taken back, and did not pass since
	wrong    string            // the first thing that must not be
	counts   map[string]int
}

func (j *loopJournal) id(prefix string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number++
	return fmt.Sprintf("%s%04d", prefix, j.number)
}

func (j *loopJournal) count(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts[what]++
}

// violates keeps the first thing that must not be; under mu.
func (j *loopJournal) violates(format string, args ...any) {
	if j.wrong == "" {
		j.wrong = fmt.Sprintf(format, args...)
	}
}

func (j *loopJournal) deployed(service, version string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.believed[service] = version
}

func (j *loopJournal) deployOf(id string) watch.Deploy {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.deploys[slices.IndexFunc(j.deploys, func(d watch.Deploy) bool { return d.ID == id })]
}

func (j *loopJournal) openWatches(service string) (open []*watch.Watch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range j.watches {
		if w.Service == service && !w.State.Final() {
			c := w.Clone()
			open = append(open, &c)
		}
	}
	return open
}

// lastFailed gives the last watch of a service whose verdict was Failed.
func (j *loopJournal) lastFailed(service string) (all []*watch.Watch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range slices.Backward(j.watches) {
		if w.Service == service && w.State == watch.Failed {
			c := w.Clone()
			return []*watch.Watch{&c}
		}
	}
	return nil
}

func (j *loopJournal) openRuns() []actions.Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(j.runs), func(r actions.Run) bool { return r.State.Final() })
}

// Commit implements notify.Committer.
func (j *loopJournal) Commit(b store.Batch) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range b.Watches {
		if w.State == watch.Failed {
			j.bad[w.Service+" "+w.Version] = true
		}
		j.watches = put(j.watches, w, func(x watch.Watch) string { return x.ID })
	}
	for _, k := range b.KnownGoods {
		delete(j.bad, k.Service+" "+k.Version)
		j.goods = append(j.goods, k)
	}
	j.deploys = append(j.deploys, b.Deploys...)
	for _, r := range b.Runs {
		j.looksAt(r)
		j.runs = put(j.runs, r, func(x actions.Run) string { return x.ID })
	}
	return nil
}

// put puts a value in the place of the one of the same ID, or behind all.
func put[V any](all []V, v V, id func(V) string) []V {
	if i := slices.IndexFunc(all, func(x V) bool { return id(x) == id(v) }); i >= 0 {
		all[i] = v
		return all
	}
	return append(all, v)
}

// looksAt looks at a change of a run before it is written; under mu.
func (j *loopJournal) looksAt(r actions.Run) {
	before := actions.Run{State: actions.Queued}
	if i := slices.IndexFunc(j.runs, func(x actions.Run) bool { return x.ID == r.ID }); i >= 0 {
		before = j.runs[i]
	}
	switch {
	case r.State == actions.Running && before.State == actions.AwaitingApproval && before.Question.Code == actions.AskApproval:
		j.counts["began after an approval"]++
		j.mayBegin(r)
	case r.State == actions.Running && before.State == actions.Queued && r.Trigger.Kind == actions.ByVerdict:
		j.counts["began by itself"]++
		j.mayBegin(r)
		j.mayBeginAlone(r)
	case r.State == actions.AwaitingApproval && before.State == actions.Queued && r.Question.Why != "":
		j.counts["asked: "+string(r.Question.Why)]++
	case r.State == actions.Refused && before.State != actions.Refused:
		text, _ := json.Marshal(r.Reason)
		for _, m := range guardsIn.FindAllStringSubmatch(string(text), -1) {
			j.counts["refused: "+m[1]]++
		}
	case r.State.Final() && !before.State.Final():
		j.counts[string(r.State)]++
	}
	if r.Rollback && decide.PutBack(r) && !decide.PutBack(before) {
		j.believed[r.Service] = r.To
		if r.From != "" {
			j.bad[r.Service+" "+r.From] = true
		}
	}
}

// guardsIn finds the codes of the guards in the JSON of a run's reason.
var guardsIn = regexp.MustCompile(`"guard":"(\w+)"`)

// mayBegin says what holds of every rollback that people have not started; under mu.
func (j *loopJournal) mayBegin(r actions.Run) {
	if r.Trigger.Kind != actions.ByVerdict {
		return
	}
	running := j.believed[r.Service]
	switch {
	case versions.Same(r.To, running):
		j.violates("%s goes to %s, which runs", r.ID, r.To)
	case !versions.Same(r.From, running):
		j.violates("%s takes %s back, and %s runs", r.ID, r.From, running)
	case j.bad[r.Service+" "+r.To]:
		j.violates("%s goes back to %s, which failed or was taken back", r.ID, r.To)
	}
	for _, o := range j.runs {
		if o.ID != r.ID && o.Service == r.Service && !o.State.Final() && o.State != actions.Queued {
			j.violates("%s begins while %s is %s", r.ID, o.ID, o.State)
		}
	}
}

// mayBeginAlone says what holds of every rollback that nobody approved; under mu.
func (j *loopJournal) mayBeginAlone(r actions.Run) {
	now, today := j.now(), 0
	for _, o := range j.runs {
		if o.ID == r.ID || o.Service != r.Service || o.Started.IsZero() {
			continue
		}
		if o.Trigger.Kind == actions.ByVerdict && o.Trigger.Deploy == r.Trigger.Deploy {
			j.violates("%s takes a deploy back that %s took back", r.ID, o.ID)
		}
		if o.Trigger.Kind == actions.ByVerdict && o.Created.After(now.Add(-24*time.Hour)) {
			today++
		}
		if since := now.Sub(o.Ended); since < loopCooldown {
			j.violates("%s begins %s after %s", r.ID, since, o.ID)
		}
	}
	if today >= loopBudget {
		j.violates("%s is the automatic rollback number %d of a day", r.ID, today+1)
	}
	failed := map[string]bool{r.Service: true}
	for _, w := range j.watches {
		if w.State == watch.Failed && w.Ended.After(now.Add(-loopWithin)) && !w.Ended.After(now) {
			failed[w.Service] = true
		}
	}
	if len(failed) >= loopBrake {
		j.violates("%s begins while %v fail", r.ID, sortedKeys(failed))
	}
	if r.Service == "stock" {
		j.violates("%s begins without the approval that its service wants", r.ID)
	}
	if i := slices.IndexFunc(j.deploys, func(d watch.Deploy) bool { return d.ID == r.Trigger.Deploy }); i < 0 || !j.deploys[i].Reversible || j.deploys[i].RollbackRun != "" {
		j.violates("%s takes a deploy back that is none to be taken back by itself", r.ID)
	}
}

// Run implements runs.Journal.
func (j *loopJournal) Run(_ context.Context, id string) (actions.Run, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.runs, func(r actions.Run) bool { return r.ID == id }); i >= 0 {
		return j.runs[i], nil
	}
	return actions.Run{}, store.ErrNotFound
}

// Runs implements runs.Journal: all open ones.
func (j *loopJournal) Runs(context.Context, store.RunFilter) ([]actions.Run, error) {
	return j.openRuns(), nil
}

// Watch implements runs.Journal.
func (j *loopJournal) Watch(_ context.Context, id string) (watch.Watch, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.watches[slices.IndexFunc(j.watches, func(w watch.Watch) bool { return w.ID == id })], nil
}

// Deploys implements runs.Journal: one by its ID.
func (j *loopJournal) Deploys(_ context.Context, f store.DeployFilter) ([]watch.Deploy, error) {
	return []watch.Deploy{j.deployOf(f.ID)}, nil
}

// loopPast is the journal as decisions see it, in the order in which the store gives it.
type loopPast struct{ j *loopJournal }

// LastDeploy implements decide.Past.
func (p loopPast) LastDeploy(_ context.Context, service, _ string, _ watch.Kind) (last watch.Deploy, ok bool, err error) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	for _, d := range p.j.deploys {
		if d.Service == service && (!ok || cmp.Or(d.At.Compare(last.At), cmp.Compare(d.ID, last.ID)) > 0) {
			last, ok = d, true
		}
	}
	return last, ok, nil
}

// Runs implements decide.Past.
func (p loopPast) Runs(_ context.Context, service, _ string, since time.Time) (all []actions.Run, err error) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	for _, r := range p.j.runs {
		if r.Service == service && (!r.State.Final() || !r.Created.Before(since)) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(x, y actions.Run) int {
		return cmp.Or(y.Created.Compare(x.Created), cmp.Compare(y.ID, x.ID))
	})
	return all, nil
}

// KnownGoods implements decide.Past.
func (p loopPast) KnownGoods(_ context.Context, service, _ string) (all []actions.KnownGood, err error) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	for _, k := range p.j.goods {
		if k.Service == service {
			all = append(all, actions.KnownGood{Version: k.Version, At: k.At, Kind: string(k.Kind)})
		}
	}
	return all, nil
}

// FailedWatches implements decide.Past.
func (p loopPast) FailedWatches(_ context.Context, service, _ string, since time.Time) (all []decide.FailedWatch, err error) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	for i := range p.j.watches {
		if w := &p.j.watches[i]; w.State == watch.Failed && (service == "" || w.Service == service) && !w.Ended.Before(since) {
			all = append(all, decide.FailedWatchOf(w))
		}
	}
	return all, nil
}

// Watches implements decide.Past.
func (p loopPast) Watches(_ context.Context, service string, since time.Time) (all []decide.PastWatch, err error) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	for i := range p.j.watches {
		if w, seen := decide.PastWatchOf(&p.j.watches[i]); seen && w.Service == service && (w.Ended.IsZero() || !w.Ended.Before(since)) {
			all = append(all, w)
		}
	}
	slices.SortStableFunc(all, func(x, y decide.PastWatch) int { return y.Started.Compare(x.Started) })
	return all, nil
}

// Looks implements decide.Past: nobody looked.
func (loopPast) Looks(context.Context, string, time.Time, time.Time) ([]watch.Look, error) {
	return nil, nil
}

// Counts implements decide.Past.
func (loopPast) Counts(context.Context, string, time.Time, time.Time) (watch.Counts, error) {
	return watch.Counts{}, nil
}

// Readings implements decide.Past.
func (loopPast) Readings(context.Context, watch.CounterSettings, time.Time, time.Time) ([]watch.Reading, error) {
	return nil, nil
}
