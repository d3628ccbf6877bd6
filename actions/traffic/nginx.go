package traffic

import (
	"context"
	"net"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// mostNginxWeight is the highest weight that is written.
const mostNginxWeight = 10_000

// upstream is nginx by a file with one upstream, for one call.
type upstream struct {
	*confFile
	pools  pools
	stages []stage
}

func newUpstream(t *step, call actions.Call, stages []stage) *upstream {
	return &upstream{confFile: newConfFile(t, call), pools: t.s.Servers, stages: stages}
}

func newConfFile(t *step, call actions.Call) *confFile {
	return &confFile{s: *t.s.NGINX, env: t.env, intent: call.Intent}
}

// look reads the shares from the file. A stage whose file nginx has not loaded is not reached.
func (u *upstream) look(context.Context) (division, error) {
	text, err := u.read()
	if err != nil {
		return division{}, err
	}
	weights, err := u.pools.weightsIn(text, u.s)
	if err != nil {
		return division{}, actions.Failure(reason.New("traffic_file_other", "file", u.s.File, "error", err))
	}
	d := division{words: u.pools.words(weights), weights: weights, text: text}
	d.reached, d.exact = u.pools.reached(weights, u.stages)
	return d, u.check(&d)
}

// check finds out whether nginx has loaded the file.
func (f *confFile) check(d *division) error {
	loaded, err := f.loaded()
	if err == nil && !loaded {
		d.unloaded, d.reached, d.exact = true, max(0, d.reached-1), false
	}
	return err
}

func (u *upstream) move(ctx context.Context, now division, to stage) error {
	return u.change(ctx, now.text, u.pools.render(u.s, u.pools.divide(now.weights, to.pool, to.percent, mostNginxWeight)))
}

// ready asks the servers of the pool for a connection: one must take it.
func (u *upstream) ready(ctx context.Context) error {
	if u.s.ConnectTimeout == 0 {
		return nil
	}
	pool := u.stages[0].pool
	dialer := net.Dialer{Timeout: time.Duration(u.s.ConnectTimeout)}
	var last error
	for _, s := range u.pools {
		if s.Pool != pool {
			continue
		}
		network, address := dialed(s.Server)
		conn, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			_ = conn.Close()
			return nil
		}
		last = err
	}
	return actions.Failure(reason.New("traffic_pool_down", "pool", pool, "error", last), last)
}

// dialed gives the network and address of a server of an upstream, whose port is 80 without one.
func dialed(server string) (network, address string) {
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		return "unix", path
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		return "tcp", net.JoinHostPort(strings.Trim(server, "[]"), "80")
	}
	return "tcp", server
}

// plan tells that a file that people wrote loses their comments.
func (u *upstream) plan(ctx context.Context, now division) (reason.Reason, error) {
	if now.text == u.pools.render(u.s, now.weights) {
		return reason.Reason{}, u.run(ctx, u.s.Test)
	}
	return reason.New("traffic_plan_rewrites", "file", u.s.File), u.run(ctx, u.s.Test)
}

// rendered is nginx by a file that a template gives, for one call.
type rendered struct {
	*confFile
	next string // for the version that is put back
	was  string // for the version that runs; "": none is known
	to   string
	from string
}

func newRendered(t *step, call actions.Call, data map[string]any) (*rendered, error) {
	r := &rendered{confFile: newConfFile(t, call), to: call.Run.To, from: call.Run.From}
	var err error
	if r.next, err = t.file.Render(data); err != nil {
		return nil, err
	}
	if call.Run.From == "" {
		return r, nil
	}
	call.Run.To = call.Run.From
	if data, err = call.Data(); err != nil {
		return nil, err
	}
	r.was, err = t.file.Render(data)
	return r, err
}

// look compares the file with the two texts that are known.
func (r *rendered) look(context.Context) (division, error) {
	text, err := r.read()
	if err != nil {
		return division{}, err
	}
	d := division{text: text}
	is := func(known string) bool { return strings.TrimSpace(text) == strings.TrimSpace(known) }
	switch {
	case is(r.next):
		d.words, d.reached, d.exact = r.to, 1, true
	case r.from != "" && is(r.was):
		d.words = r.from
	default:
		return d, actions.Failure(reason.New("traffic_file_unknown", "file", r.s.File, "to", r.to, "from", r.from))
	}
	return d, r.check(&d)
}

func (r *rendered) move(ctx context.Context, now division, _ stage) error {
	return r.change(ctx, now.text, r.next)
}

func (r *rendered) ready(context.Context) error { return nil }

func (r *rendered) plan(ctx context.Context, _ division) (reason.Reason, error) {
	return reason.Reason{}, r.run(ctx, r.s.Test)
}
