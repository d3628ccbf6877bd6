package traffic

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// balancer is the load balancer as one call of the step sees it.
type balancer interface {
	// look tells how the traffic is divided now.
	look(ctx context.Context) (division, error)
	// move divides the traffic as a stage says, and comes back when the load balancer does so. When
	// that fails, what was before is put back, unless ctx is over: then settle does it.
	move(ctx context.Context, now division, to stage) error
	// settle finishes or undoes the move that a guardian began and did not end.
	settle(ctx context.Context) error
	// ready tells why the pool that traffic moves to cannot serve.
	ready(ctx context.Context) error
	// plan tells what the moves change beside the shares; zero: nothing.
	plan(ctx context.Context, now division) (reason.Reason, error)
}

// division is how traffic is divided.
type division struct {
	words   string // for people, alike in every language
	reached int    // how many stages it has reached
	exact   bool   // it is that of the stage reached last, and no further
	// unloaded: the load balancer's file says so, and the load balancer has not loaded it.
	unloaded bool
	weights  []int  // of the servers, in the order of the settings; nil: by version, not by weights
	text     string // of the file; "": there is none
}

// same tells whether nobody changed anything between two looks. Health changes by itself.
func (d division) same(as division) bool {
	return slices.Equal(d.weights, as.weights) && d.text == as.text
}

// stage is one move, filled in.
type stage struct {
	pool    string // "": by version
	percent int
	hold    time.Duration
}

func (s stage) words() reason.Reason {
	if s.pool == "" {
		return reason.New("traffic_stage_file")
	}
	return reason.New("traffic_stage", "pool", s.pool, "share", s.percent, "long", s.hold)
}

type step struct {
	s      Settings
	env    actions.Env
	file   actions.Template // of nginx
	to     actions.Template
	stages []StageSettings
}

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	s.check(&p)
	t := &step{s: s, env: env, stages: s.Stages}
	key := "steps[0].to"
	if len(s.Stages) == 0 {
		key, t.stages = "switch", []StageSettings{{To: s.Switch, Weight: 100}}
	}
	t.to = p.Parse(key, t.stages[0].To)
	if s.NGINX != nil {
		t.file = p.Parse("nginx.template", s.NGINX.Template)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// bound is the step with the values of one call.
type bound struct {
	*step
	balancer
	stages []stage
	out    io.Writer
}

// bind fills in the templates.
func (t *step) bind(call actions.Call, out io.Writer) (*bound, error) {
	data, err := call.Data()
	if err != nil {
		return nil, err
	}
	b := &bound{step: t, out: out}
	if t.s.NGINX != nil && t.s.NGINX.Template != "" {
		b.stages = []stage{{}}
		b.balancer, err = newRendered(t, call, data)
		return b, err
	}
	pool, err := t.to.Render(data)
	if err != nil {
		return nil, err
	}
	if !pools(t.s.Servers).has(pool) {
		return nil, actions.Failure(reason.New("traffic_no_pool", "pool", pool, "pools", poolsOf(t.s.Servers)))
	}
	for _, g := range t.stages {
		b.stages = append(b.stages, stage{pool: pool, percent: g.Weight, hold: time.Duration(g.For)})
	}
	if t.s.NGINX != nil {
		b.balancer = newUpstream(t, call, b.stages)
	} else {
		b.balancer = &haproxy{s: *t.s.HAProxy, pools: t.s.Servers, stages: b.stages}
	}
	return b, nil
}

// Do moves the traffic from where the load balancer says that it is.
func (t *step) Do(ctx context.Context, call actions.Call) (string, error) {
	var out actions.Clip
	err := t.do(ctx, call, &out)
	return out.Text(t.env.Redactor), actions.RedactError(err, t.env.Redactor)
}

func (t *step) do(ctx context.Context, call actions.Call, out io.Writer) error {
	b, err := t.bind(call, out)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return b.ended(ctx, err)
	}
	now, err := b.look(ctx)
	if err != nil {
		return b.ended(ctx, err)
	}
	b.say(reason.New("traffic_before", "now", now.words))
	if err := b.refuse(ctx, now); err != nil {
		return err
	}
	if err := b.moves(ctx, now); err != nil {
		b.sayWhere(ctx)
		return b.ended(ctx, err)
	}
	return nil
}

// ended gives the error of a call whose time is over as one whose outcome the load balancer tells.
func (b *bound) ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return actions.Lost(reason.New("traffic_interrupted", "error", ctx.Err(), "last", actions.ReasonOf(err)), err, ctx.Err())
}

func (b *bound) say(why reason.Reason) { _, _ = fmt.Fprintln(b.out, why) }

// sayWhere adds how the traffic is divided after a failure, also when the time is over.
func (b *bound) sayWhere(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if now, err := b.look(ctx); err == nil {
		b.say(reason.New("traffic_after", "now", now.words))
	}
}

// refuse gives the error of a move that must not begin.
func (b *bound) refuse(ctx context.Context, now division) error {
	var holds time.Duration
	for _, g := range b.left(now) {
		holds += g.hold
	}
	if deadline, limited := ctx.Deadline(); limited {
		if left := deadline.Sub(b.env.Now()); left <= holds {
			return actions.Failure(reason.New("traffic_too_long", "long", holds, "left", max(0, left.Round(time.Second))))
		}
	}
	if now.reached < len(b.stages) {
		return b.ready(ctx)
	}
	return nil
}

// left are the stages whose shares are still to be held.
func (b *bound) left(now division) []stage {
	if now.exact && now.reached > 0 && now.reached < len(b.stages) {
		return b.stages[now.reached-1:]
	}
	return b.stages[now.reached:]
}

// moves goes through the stages from the one that is reached. Its share is held once more: how long
// it was, nobody knows.
func (b *bound) moves(ctx context.Context, now division) (err error) {
	if now.reached == len(b.stages) {
		b.say(reason.New("traffic_there"))
		return nil
	}
	if now.exact && now.reached > 0 {
		if now, err = b.hold(ctx, now, b.stages[now.reached-1]); err != nil {
			return err
		}
	}
	for i := now.reached; i < len(b.stages); i++ {
		g, before := b.stages[i], now
		if err := b.move(ctx, now, g); err != nil {
			return err
		}
		if now, err = b.look(ctx); err != nil {
			return err
		}
		if now.reached <= i {
			return actions.Failure(reason.New("traffic_changed", "was", before.words, "now", now.words))
		}
		b.say(reason.New("traffic_after", "now", now.words))
		if now, err = b.hold(ctx, now, g); err != nil {
			return err
		}
	}
	return nil
}

// lookEvery is the time between two looks while a share is held.
const lookEvery = time.Second

// hold waits for as long as a stage is held. It ends early when somebody else divides the traffic, or
// no server of the pool can serve any more.
func (b *bound) hold(ctx context.Context, now division, g stage) (division, error) {
	for left := g.hold; left > 0; left -= lookEvery {
		if !pause(ctx, min(left, lookEvery)) {
			return now, ctx.Err()
		}
		next, err := b.look(ctx)
		if err != nil {
			return now, err
		}
		if !next.same(now) {
			return now, actions.Failure(reason.New("traffic_changed", "was", now.words, "now", next.words))
		}
		if err := b.ready(ctx); err != nil {
			return now, err
		}
	}
	return now, nil
}

// Status asks the load balancer how far the move came, and finishes or undoes what was left half-done.
func (t *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	outcome, detail, err := t.status(ctx, call)
	shown := func(text string) string { return actions.ClipText(text, t.env.Redactor) }
	return outcome, detail.Redact(shown), actions.RedactError(err, t.env.Redactor)
}

func (t *step) status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	none := reason.Reason{}
	b, err := t.bind(call, io.Discard)
	if err != nil {
		return actions.Unclear, none, err
	}
	if err := b.settle(ctx); isUndone(err) {
		return actions.Failed, actions.ReasonOf(err), nil
	} else if err != nil {
		return actions.Unclear, none, err
	}
	now, err := b.look(ctx)
	switch {
	case err != nil:
		return actions.Unclear, none, err
	case now.reached == len(b.stages):
		return actions.Happened, reason.New("traffic_now", "now", now.words), nil
	case now.unloaded:
		return actions.NotHappened, reason.New("traffic_not_loaded", "now", now.words), nil
	default:
		return actions.NotHappened, reason.New("traffic_now", "now", now.words), nil
	}
}

// Plan implements actions.Planner.
func (t *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	plan, err := t.planCall(ctx, call)
	shown := func(text string) string { return actions.ClipText(text, t.env.Redactor) }
	return plan.Redact(shown), actions.RedactError(err, t.env.Redactor)
}

func (t *step) planCall(ctx context.Context, call actions.Call) (reason.Reason, error) {
	b, err := t.bind(call, io.Discard)
	if err != nil {
		return reason.Reason{}, err
	}
	now, err := b.look(ctx)
	if err != nil {
		return reason.Reason{}, err
	}
	all := []reason.Reason{reason.New("traffic_now", "now", now.words)}
	if now.reached == len(b.stages) {
		return reason.Join(append(all, reason.New("traffic_there"))...), nil
	}
	for _, g := range b.stages[now.reached:] {
		all = append(all, g.words())
	}
	more, err := b.plan(ctx, now)
	if !more.IsZero() {
		all = append(all, more)
	}
	if err == nil {
		err = b.refuse(ctx, now)
	}
	return reason.Join(all...), err
}

// pause waits, and tells whether the time passed undisturbed.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
