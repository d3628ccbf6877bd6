package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// haproxy is a backend of HAProxy by its runtime API, for one call.
type haproxy struct {
	s      HAProxySettings
	pools  pools
	stages []stage
}

// mostHAProxyWeight is the highest weight that HAProxy takes.
const mostHAProxyWeight = 256

// haproxyServer is a server as HAProxy has it.
type haproxyServer struct {
	name   string
	weight int  // that was set, whatever its state
	maint  bool // in maintenance: it gets nothing
	drain  bool // it gets nothing but what sticks to it
	up     bool // by its health check, if it has one
}

// effective is the weight by which it gets new connections.
func (v haproxyServer) effective() int {
	if v.maint || v.drain {
		return 0
	}
	return v.weight
}

// words is the state in the words of HAProxy.
func (v haproxyServer) words() string {
	var state []string
	for word, is := range map[string]bool{"maint": v.maint, "drain": v.drain, "down": !v.up && !v.maint} {
		if is {
			state = append(state, word)
		}
	}
	slices.Sort(state)
	return strings.Join(state, " ")
}

// Flags of srv_admin_state, which says why a server is in maintenance or drained: set by people, by
// the server that it tracks, or by the name server.
const (
	adminMaint = 0x01 | 0x02 | 0x20 | 0x40
	adminDrain = 0x08 | 0x10
)

func (h *haproxy) look(ctx context.Context) (division, error) {
	all, err := h.servers(ctx)
	if err != nil {
		return division{}, err
	}
	var d division
	var states []string
	for _, v := range all {
		d.weights = append(d.weights, v.effective())
		if w := v.words(); w != "" {
			states = append(states, v.name+" "+w)
		}
	}
	d.words = h.pools.words(d.weights)
	if len(states) > 0 {
		d.words += "; " + strings.Join(states, ", ")
	}
	d.reached, d.exact = h.pools.reached(d.weights, h.stages)
	return d, nil
}

// servers gives the servers of the settings, in their order, as HAProxy has them.
func (h *haproxy) servers(ctx context.Context) ([]haproxyServer, error) {
	text, err := h.ask(ctx, "show servers state "+h.s.Backend)
	if err != nil {
		return nil, err
	}
	there, err := parseServersState(text)
	if err != nil {
		return nil, actions.Failure(reason.New("traffic_haproxy_answer", "command", "show servers state", "answer", err))
	}
	out := make([]haproxyServer, len(h.pools))
	var missing, others []string
	for i, s := range h.pools {
		at := slices.IndexFunc(there, func(v haproxyServer) bool { return v.name == s.Server })
		if at < 0 {
			missing = append(missing, s.Server)
			continue
		}
		out[i] = there[at]
	}
	for _, v := range there {
		known := slices.ContainsFunc(h.pools, func(s ServerSettings) bool { return s.Server == v.name })
		if !known && v.effective() > 0 {
			others = append(others, v.name)
		}
	}
	switch {
	case len(missing) > 0:
		return nil, actions.Failure(reason.New("traffic_haproxy_no_server", "backend", h.s.Backend, "servers", missing))
	case len(others) > 0:
		return nil, actions.Failure(reason.New("traffic_haproxy_others", "backend", h.s.Backend, "servers", others))
	}
	return out, nil
}

// parseServersState reads the table of "show servers state": a line with the version of its form, the
// names of the columns after #, and a line for each server.
func parseServersState(text string) ([]haproxyServer, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) < 2 || !strings.HasPrefix(lines[1], "# ") {
		return nil, errors.New(lines[0])
	}
	columns := strings.Fields(lines[1][1:])
	var all []haproxyServer
	for _, line := range lines[2:] {
		fields := strings.Fields(line)
		value := func(column string) string {
			if i := slices.Index(columns, column); i >= 0 && i < len(fields) {
				return fields[i]
			}
			return ""
		}
		if len(fields) == 0 {
			continue
		}
		weight, err1 := strconv.Atoi(value("srv_uweight"))
		admin, err2 := strconv.Atoi(value("srv_admin_state"))
		state, err3 := strconv.Atoi(value("srv_op_state"))
		if err := errors.Join(err1, err2, err3); err != nil || value("srv_name") == "" {
			return nil, fmt.Errorf("%q", line)
		}
		all = append(all, haproxyServer{
			name: value("srv_name"), weight: weight, maint: admin&adminMaint != 0, drain: admin&adminDrain != 0,
			up: state != 0,
		})
	}
	return all, nil
}

// move raises the weights of the pool before it lowers the others: at no moment has nobody a weight. It
// reads back what it has set.
func (h *haproxy) move(ctx context.Context, now division, to stage) error {
	before, err := h.servers(ctx)
	if err != nil {
		return err
	}
	want := h.pools.divide(now.weights, to.pool, to.percent, mostHAProxyWeight)
	err = h.set(ctx, before, want)
	if err == nil {
		err = h.readBack(ctx, want)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if undoErr := h.restore(undoCtx, before); undoErr != nil {
		return actions.Lost(reason.New("traffic_not_undone", "error", actions.ReasonOf(err), "undo", actions.ReasonOf(undoErr)), err, undoErr)
	}
	return actions.Failure(reason.New("traffic_undone", "error", actions.ReasonOf(err)))
}

func (h *haproxy) set(ctx context.Context, now []haproxyServer, want []int) error {
	var raise, lower []string
	for i, v := range now {
		weight, ready, maint := "set weight ", "set server ", "set server "
		weight += fmt.Sprintf("%s/%s %d", h.s.Backend, v.name, want[i])
		ready += fmt.Sprintf("%s/%s state ready", h.s.Backend, v.name)
		maint += fmt.Sprintf("%s/%s state maint", h.s.Backend, v.name)
		switch {
		case want[i] == 0:
			lower = append(lower, weight)
			if h.s.Idle == idleMaint && !v.maint {
				lower = append(lower, maint)
			}
		case v.effective() == 0 && (v.maint || v.drain):
			raise = append(raise, weight, ready) // not with the weight that it had
		case want[i] >= v.weight:
			raise = append(raise, weight)
		default:
			lower = append(lower, weight)
		}
	}
	return h.tell(ctx, slices.Concat(raise, lower))
}

// restore gives the servers the weights and states that they had.
func (h *haproxy) restore(ctx context.Context, before []haproxyServer) error {
	now, err := h.servers(ctx)
	if err != nil {
		return err
	}
	var raise, lower []string
	for i, v := range before {
		at := h.s.Backend + "/" + v.name
		commands := []string{fmt.Sprintf("set weight %s %d", at, v.weight)}
		state := func(v haproxyServer) string {
			switch {
			case v.maint:
				return "maint"
			case v.drain:
				return "drain"
			}
			return "ready"
		}
		if state(v) != state(now[i]) {
			commands = append(commands, "set server "+at+" state "+state(v))
		}
		if v.effective() >= now[i].effective() {
			raise = append(raise, commands...)
		} else {
			lower = append(lower, commands...)
		}
	}
	return h.tell(ctx, append(raise, lower...))
}

// readBack tells whether HAProxy has what was set.
func (h *haproxy) readBack(ctx context.Context, want []int) error {
	now, err := h.look(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(now.weights, want) {
		return actions.Failure(reason.New("traffic_haproxy_read_back", "want", h.pools.words(want), "now", now.words))
	}
	return nil
}

// ready looks at the health checks of the pool. A server in maintenance is not checked, and gets a try.
func (h *haproxy) ready(ctx context.Context) error {
	all, err := h.servers(ctx)
	if err != nil {
		return err
	}
	pool := h.stages[0].pool
	for i, s := range h.pools {
		if s.Pool == pool && (all[i].up || all[i].maint) {
			return nil
		}
	}
	return actions.Failure(reason.New("traffic_haproxy_pool_down", "pool", pool, "backend", h.s.Backend))
}

func (h *haproxy) settle(context.Context) error { return nil }

func (h *haproxy) plan(context.Context, division) (reason.Reason, error) {
	return reason.New("traffic_plan_haproxy_idle", "idle", h.s.Idle), nil
}

// tell sends commands that answer nothing when they succeed.
func (h *haproxy) tell(ctx context.Context, commands []string) error {
	for _, c := range commands {
		answer, err := h.ask(ctx, c)
		if err != nil {
			return err
		}
		if answer = strings.TrimSpace(answer); answer != "" {
			return actions.Failure(reason.New("traffic_haproxy_answer", "command", c, "answer", answer))
		}
	}
	return nil
}

// callTime bounds one command of the runtime API.
const callTime = 5 * time.Second

// maxAnswer is the most that is read of an answer, in bytes.
const maxAnswer = 4 << 20

// ask sends one command and reads the answer to its end: HAProxy closes the connection.
func (h *haproxy) ask(ctx context.Context, command string) (string, error) {
	fail := func(err error) (string, error) {
		if e := ctx.Err(); e != nil {
			err = e
		}
		return "", actions.Failure(reason.New("traffic_haproxy_call", "address", h.s.Address, "error", err), err)
	}
	callCtx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	network, address, _ := strings.Cut(h.s.Address, "://")
	conn, err := (&net.Dialer{}).DialContext(callCtx, network, address)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(callCtx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return fail(err)
	}
	b, err := io.ReadAll(io.LimitReader(conn, maxAnswer+1))
	switch {
	case err != nil:
		return fail(err)
	case len(b) > maxAnswer:
		return fail(fmt.Errorf("the answer is longer than %d bytes", maxAnswer))
	case len(b) == 0:
		return fail(errors.New("it closed the connection without an answer"))
	}
	return string(b), nil
}
