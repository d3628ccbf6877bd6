package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// swap is what all replacements of one Do have in common.
type swap struct {
	call  actions.Call
	out   io.Writer
	moved map[string]string // see recreation
}

// replace creates the new containers and then swaps them in, one group after the other.
func (d *step) replace(ctx context.Context, s swap, all []*replacement) error {
	s.moved = map[string]string{}
	for _, p := range all {
		id, err := d.create(ctx, s, p)
		if err != nil {
			return actions.Failure(reason.New("docker_create", "container", p.name, "error", actions.ReasonOf(err)), err)
		}
		s.moved[p.current.ID], s.moved[p.current.Name] = id, id
	}
	for _, g := range groups(all) {
		if err := d.swapIn(ctx, s, g); err != nil {
			return err
		}
	}
	return nil
}

// swapIn puts new containers into the place of those that depend on each other: the sidecars stop
// first and start last.
func (d *step) swapIn(ctx context.Context, s swap, group []*replacement) error {
	for _, p := range slices.Backward(group) {
		p.stopping = true
		if err := d.stop(ctx, p.current); err != nil {
			return err
		}
	}
	var made []madeContainer
	for _, p := range group {
		m := madeContainer{id: s.moved[p.current.ID], name: p.name, target: p.target, was: p.was}
		made = append(made, m)
		if err := d.rename(ctx, p.current.ID, p.name, oldName(p.name, s.call.Intent)); err != nil {
			return err
		}
		if err := d.rename(ctx, m.id, newName(p.name, s.call.Intent), p.name); err != nil {
			return err
		}
	}
	if name, err := d.bringUp(ctx, made); err != nil {
		if name != "" {
			d.printLogs(ctx, name, s.out)
		}
		return err
	}
	for _, p := range group {
		switch {
		case p.stays():
			_, _ = fmt.Fprintf(s.out, "%s is stopped, as it was\n", p.name)
		case p.target:
			_, _ = fmt.Fprintf(s.out, "%s runs %s (%s)\n", p.name, p.next.ref, short(strings.TrimPrefix(p.next.ID, "sha256:")))
		default:
			_, _ = fmt.Fprintf(s.out, "%s runs again\n", p.name)
		}
	}
	return nil
}

// rename gives a container another name.
func (d *step) rename(ctx context.Context, id, from, to string) error {
	if err := d.api.rename(ctx, id, to); err != nil {
		return actions.Failure(reason.New("docker_rename", "container", from, "name", to, "error", actions.ReasonOf(err)), err)
	}
	return nil
}

// create creates the new container of a replacement, with the files that are kept.
func (d *step) create(ctx context.Context, s swap, p *replacement) (string, error) {
	old, err := d.api.image(ctx, p.current.Image)
	if err != nil && !errors.Is(err, errNoSuch) {
		return "", err
	}
	r := recreation{
		old: old, next: p.next, api: d.api.version, moved: s.moved,
		labels: map[string]string{labelIntent: s.call.Intent, labelRun: s.call.Run.ID, labelRunning: p.was},
	}
	if !p.target {
		r.next = image{ID: p.current.Image, ref: p.current.Image}
		// Its tag, unless that is of another image by now.
		if img, err := d.api.image(ctx, p.current.imageRef()); err == nil && img.ID == p.current.Image {
			r.next = img
		}
	}
	for _, from := range textsOf(p.current.HostConfig["VolumesFrom"]) {
		name, _, _ := strings.Cut(from, ":")
		if c, err := d.api.inspect(ctx, name); err == nil {
			r.foreign = append(r.foreign, c.Mounts...)
		}
	}
	made := recreate(*p.current, r)
	id, err := d.api.create(ctx, newName(p.name, s.call.Intent), made.config)
	if err != nil {
		return "", err
	}
	if made.leave != "" {
		if err := d.api.leave(ctx, made.leave, id); err != nil {
			return "", actions.Failure(reason.New("docker_leave", "network", made.leave, "error", actions.ReasonOf(err)), err)
		}
	}
	for network, endpoint := range made.join {
		if err := d.api.join(ctx, network, id, endpoint); err != nil {
			return "", actions.Failure(reason.New("docker_join", "network", network, "error", actions.ReasonOf(err)), err)
		}
	}
	return id, d.copyKept(ctx, p.current, p.layer.kept, id)
}

// madeContainer is a new container in the place of an old one.
type madeContainer struct {
	id, name string
	target   bool
	was      string // the state of the old one
}

// bringUp takes new containers into the states of the old ones, in order: those that ran are
// started, all must be healthy, and those that were paused are paused. It names the container that
// is not healthy.
func (d *step) bringUp(ctx context.Context, made []madeContainer) (name string, err error) {
	var trials []*trial
	for _, m := range made {
		if staysStopped(m.was, m.target) {
			continue
		}
		// A sidecar that was not well before need not be now.
		mayFail := m.was == wasFailing && !m.target
		if name, err := d.startAfter(ctx, m, trials); err != nil && !mayFail {
			return name, err
		}
		if !mayFail {
			trials = append(trials, &trial{madeContainer: m})
		}
	}
	if name, err := d.healthy(ctx, trials); err != nil {
		return name, err
	}
	if again, err := d.rejoin(ctx, trials); err != nil {
		return "", err
	} else if name, err := d.healthy(ctx, again); err != nil {
		return name, err
	}
	for _, m := range slices.Backward(made) {
		if m.was == wasPaused {
			if err := d.pause(ctx, m.id, m.name); err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

// startAfter starts a container after those that it may depend on. While one of them is being restarted
// by its policy the engine refuses, and it is tried again; once also before the engine has noticed that
// it ended. It names the container that is to blame.
func (d *step) startAfter(ctx context.Context, m madeContainer, before []*trial) (name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.s.HealthyDeadline))
	defer cancel()
	for tries := 1; ; tries++ {
		err := d.start(ctx, m.id, m.name)
		if err == nil {
			return "", nil
		}
		restarted := false
		for _, t := range before {
			if _, unwell := d.look(ctx, t); unwell != nil {
				return t.name, unhealthy(t, unwell)
			}
			restarted = restarted || t.last.RestartCount > 0 || !t.last.State.Running
		}
		if tries > 1 && !restarted || !actions.Pause(ctx, lookEvery, nil) {
			return "", err
		}
	}
}

// rejoin restarts the sidecars of a container that was restarted by its policy: it has new namespaces,
// and they are in the old ones.
func (d *step) rejoin(ctx context.Context, trials []*trial) (again []*trial, err error) {
	i := slices.IndexFunc(trials, func(t *trial) bool { return t.last.RestartCount > 0 })
	if i < 0 {
		return nil, nil
	}
	for _, t := range trials[i+1:] {
		if err := d.stop(ctx, &t.last); err != nil {
			return nil, err
		}
		if err := d.start(ctx, t.id, t.name); err != nil {
			return nil, err
		}
		again = append(again, &trial{madeContainer: t.madeContainer})
	}
	return again, nil
}

// lookEvery is the time between two looks at a container that is waited for.
const lookEvery = 200 * time.Millisecond

func unhealthy(t *trial, why error) error {
	return actions.Failure(reason.New("docker_unhealthy", "container", t.name, "error", actions.ReasonOf(why)), why)
}

// trial is a new container that is waited for.
type trial struct {
	madeContainer
	started string    // its last start, in the engine's words
	since   time.Time // when that start was seen first
	last    container // as it was seen last
}

// healthy waits until all containers are healthy: by their health checks, or without one when they
// have run for MinHealthyTime. One restart by a container's own policy is no failure. It names the
// container that is not healthy.
func (d *step) healthy(ctx context.Context, waiting []*trial) (name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.s.HealthyDeadline))
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var left []*trial
		for _, t := range waiting {
			ok, err := d.look(ctx, t)
			if err != nil {
				return t.name, unhealthy(t, err)
			}
			if !ok {
				left = append(left, t)
			}
		}
		if waiting = left; len(waiting) == 0 {
			return "", nil
		}
		select {
		case <-ctx.Done():
			t := waiting[0]
			return t.name, unhealthy(t, actions.Failure(reason.New("docker_health_timeout", "within", time.Duration(d.s.HealthyDeadline), "output", lastHealth(t.last))))
		case <-look.C:
		}
	}
}

// maxRestarts is how often a new container may end and be restarted by its policy, such as one that
// ends when its database does not answer yet.
const maxRestarts = 1

// look tells whether a container is healthy; the error, that it will not be.
func (d *step) look(ctx context.Context, t *trial) (bool, error) {
	c, err := d.api.inspect(ctx, t.id)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // the time is over, which the caller sees
		}
		return false, err
	}
	t.last = c
	now := d.env.Now()
	if c.State.StartedAt != t.started {
		t.started, t.since = c.State.StartedAt, now
	}
	h := c.State.Health
	switch {
	case c.RestartCount > maxRestarts:
		return false, actions.Failure(reason.New("docker_restarts", "status", c.State.ExitCode))
	case c.State.Restarting:
		return false, nil
	case !c.State.Running && !t.target && c.State.ExitCode == 0:
		return true, nil // a sidecar that has done its work
	case !c.State.Running:
		return false, actions.Failure(reason.New("docker_exited", "state", c.State.Status, "status", c.State.ExitCode))
	case c.State.Paused, h != nil && h.Status == "healthy":
		return true, nil
	case h != nil && h.Status == "unhealthy":
		return false, actions.Failure(reason.New("docker_health_check", "output", lastHealth(c)))
	case h == nil || h.Status == "none":
		return now.Sub(t.since) >= time.Duration(d.s.MinHealthyTime), nil
	default:
		return false, nil
	}
}

// lastHealth gives the output of the last health check; "" when there was none.
func lastHealth(c container) string {
	if c.State.Health == nil || len(c.State.Health.Log) == 0 {
		return ""
	}
	return strings.TrimSpace(c.State.Health.Log[len(c.State.Health.Log)-1].Output)
}

// printLogs adds what the container wrote: after the undo it is gone.
func (d *step) printLogs(ctx context.Context, name string, out io.Writer) {
	c, err := d.api.inspect(ctx, name)
	if err != nil {
		return
	}
	if logs, err := d.api.logs(ctx, c, 50); err == nil && logs != "" {
		_, _ = fmt.Fprintf(out, "the last lines of %s:\n%s\n", c.name(), strings.TrimRight(logs, "\n"))
	}
}
