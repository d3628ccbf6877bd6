package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

// The re-creation of a container passes through states that the names and labels of
// containers tell apart, so that after a crash the engine knows how far it came. With N the
// container's name and I the intent:
//
//	N (old)                                       nothing was done
//	N (old), N-guardian-new-I                     created, perhaps N is stopped already
//	N-guardian-old-I, N-guardian-new-I            the old one was renamed
//	N (labelled I), N-guardian-old-I              swapped; perhaps not started, perhaps not healthy
//	N (labelled I)                                done
//
// Status finishes the fourth when it is healthy, and undoes it otherwise; the second and third
// are undone. An undo removes the new container last, because its labels say whether the old
// one was running.

func oldName(name, intent string) string { return name + "-guardian-old-" + intent }
func newName(name, intent string) string { return name + "-guardian-new-" + intent }

var setAside = regexp.MustCompile(`-guardian-(old|new)-.*$`)

// replacement is how far the replacement of one container has come under an intent.
type replacement struct {
	name    string     // of the container that is replaced
	ours    bool       // current carries the label of this intent
	current *container // has the name now
	old     *container // was renamed under this intent
	fresh   *container // was created under this intent and does not have the name yet
	// stopping: the engine may still be stopping current, by a request that was given up.
	stopping bool
}

// begun tells whether the replacement has begun.
func (p replacement) begun() bool { return p.ours || p.old != nil || p.fresh != nil }

// complete tells whether the replacement is complete.
func (p replacement) complete() bool { return p.ours && p.old == nil && p.fresh == nil }

// all finds the containers of the step, and how far the replacement of each has come.
func (d *docker) replacements(ctx context.Context, call Call, data map[string]any) ([]replacement, error) {
	names, err := d.names(ctx, data)
	if err != nil {
		return nil, err
	}
	var all []replacement
	for _, n := range names {
		p, err := d.replacement(ctx, n, call.Intent)
		if err != nil {
			return nil, err
		}
		// Another intent renamed a container that is gone by now.
		if d.s.Compose != nil && p.current == nil && !p.begun() {
			continue
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, failed(reason.New("docker_no_compose", "project", d.s.Compose.Project, "service", d.s.Compose.Service))
	}
	return all, nil
}

func (d *docker) names(ctx context.Context, data map[string]any) ([]string, error) {
	if d.s.Compose == nil {
		name, err := d.container.render(data)
		if err != nil {
			return nil, err
		}
		return []string{name}, nil
	}
	found, err := d.api.find(ctx, "com.docker.compose.project="+d.s.Compose.Project,
		"com.docker.compose.service="+d.s.Compose.Service, "com.docker.compose.oneoff=False")
	if err != nil {
		return nil, failed(reason.New("docker_find", "service", d.s.Compose.Service, "error", reasonOf(err)), err)
	}
	for i, n := range found {
		found[i] = setAside.ReplaceAllString(n, "")
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func (d *docker) replacement(ctx context.Context, name, intent string) (replacement, error) {
	p := replacement{name: name}
	for at, to := range map[string]**container{name: &p.current, oldName(name, intent): &p.old, newName(name, intent): &p.fresh} {
		c, err := d.api.inspect(ctx, at)
		if errors.Is(err, errNoSuch) || err == nil && c.name() != at {
			continue // the engine also finds a container by the beginning of its ID
		}
		if err != nil {
			return p, failed(reason.New("docker_inspect", "container", at, "error", reasonOf(err)), err)
		}
		*to = &c
	}
	p.ours = p.current != nil && p.current.label(labelIntent) == intent
	return p, nil
}

// undoTime gives an undo time of its own, also when that of the step is over. Only a lost
// lease ends it: then another guardian works on these containers.
func (d *docker) undoTime(ctx context.Context, all int) (context.Context, context.CancelFunc) {
	each := 2*time.Duration(d.s.StopTimeout) + 30*time.Second
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), each*time.Duration(max(all, 1)))
	stop := context.AfterFunc(ctx, func() {
		if lostLease(ctx) {
			cancel()
		}
	})
	return undo, func() { stop(); cancel() }
}

// stop, start and remove are calls to the engine whose error names the container.
func (d *docker) stop(ctx context.Context, c *container) error {
	if err := d.api.stop(ctx, c.ID, time.Duration(d.s.StopTimeout)); err != nil {
		return failed(reason.New("docker_stop", "container", c.name(), "error", reasonOf(err)), err)
	}
	return nil
}

func (d *docker) start(ctx context.Context, id, name string) error {
	if err := d.api.start(ctx, id); err != nil {
		return failed(reason.New("docker_start", "container", name, "error", reasonOf(err)), err)
	}
	return nil
}

func (d *docker) remove(ctx context.Context, c *container) error {
	if err := d.api.remove(ctx, c.ID); err != nil {
		return failed(reason.New("docker_remove", "container", c.name(), "error", reasonOf(err)), err)
	}
	return nil
}

func lostLease(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrLostLease) }

// undo puts the old containers back. It looks first, so that it may be called at any point
// and again after it was interrupted.
func (d *docker) undo(ctx context.Context, call Call, all []replacement, out io.Writer) error {
	var errs []error
	var whys []reason.Reason
	for _, before := range all {
		p, err := d.replacement(ctx, before.name, call.Intent)
		p.stopping = before.stopping
		if err == nil {
			err = d.putBack(ctx, call, p)
		}
		if err != nil {
			errs, whys = append(errs, err), append(whys, reason.New("docker_container", "container", before.name, "error", reasonOf(err)))
			continue
		}
		if p.begun() {
			_, _ = fmt.Fprintf(out, "%s is as it was\n", p.name)
		}
	}
	if len(errs) > 0 {
		return failed(reason.Join(whys...), errs...)
	}
	return nil
}

func (d *docker) putBack(ctx context.Context, call Call, p replacement) error {
	if !p.begun() {
		return nil
	}
	old, made := p.old, p.fresh
	if p.ours {
		made = p.current
	} else if p.current != nil {
		old = p.current
	}
	if old == nil {
		return failed(reason.New("docker_old_gone"))
	}
	run := true
	if made != nil {
		run = made.label(labelRunning) != "false"
		// It uses the ports and the addresses of the old one.
		if err := d.stop(ctx, made); err != nil {
			return err
		}
		if p.ours {
			if err := d.rename(ctx, made.ID, p.name, newName(p.name, call.Intent)); err != nil {
				return err
			}
		}
	}
	if old == p.old {
		if err := d.rename(ctx, old.ID, oldName(p.name, call.Intent), p.name); err != nil {
			return err
		}
	}
	if run && old == p.current && old.State.Running && p.stopping {
		// The engine is still stopping it: started now, it would end a moment later.
		if err := d.stop(ctx, old); err != nil {
			return err
		}
	}
	if run {
		if err := d.start(ctx, old.ID, p.name); err != nil {
			return err
		}
	}
	if made != nil {
		return d.remove(ctx, made)
	}
	return nil
}

// Status looks at the containers, and finishes or undoes what a crash left half-done.
func (d *docker) Status(ctx context.Context, call Call) (Outcome, reason.Reason, error) {
	outcome, detail, err := d.containerStatus(ctx, call)
	return outcome, detail.Redact(func(text string) string { return d.local.Redact(clipText(text, d.env.Redactor)) }), d.redactError(err)
}

func (d *docker) containerStatus(ctx context.Context, call Call) (Outcome, reason.Reason, error) {
	none := reason.Reason{}
	data, err := call.data()
	if err != nil {
		return Unclear, none, err
	}
	all, err := d.replacements(ctx, call, data)
	if err != nil {
		return Unclear, none, err
	}
	mine := slices.DeleteFunc(slices.Clone(all), func(p replacement) bool { return !p.begun() })
	switch {
	case len(mine) == 0 && slices.ContainsFunc(all, func(p replacement) bool { return p.current == nil }):
		return Unclear, none, failed(reason.New("docker_no_container", "container", all[0].name))
	case len(mine) == 0:
		return NotHappened, reason.New("docker_no_trace"), nil
	// Old ones are removed only when all new ones are healthy: once the first is gone, it is done.
	case slices.ContainsFunc(mine, replacement.complete):
		return d.finish(ctx, mine)
	}
	for i := range mine {
		mine[i].stopping = true
	}
	swapped := !slices.ContainsFunc(all, func(p replacement) bool { return !p.ours })
	why := reason.New("docker_interrupted")
	for _, p := range mine {
		if !swapped {
			break
		}
		if err := d.api.start(ctx, p.current.ID); err != nil {
			swapped, why = false, reasonOf(err)
		} else if err := d.healthy(ctx, p.current.ID); err != nil {
			swapped, why = false, reasonOf(err)
		}
	}
	if swapped {
		return d.finish(ctx, mine)
	}
	if lostLease(ctx) {
		return Unclear, none, context.Cause(ctx)
	}
	undoCtx, cancel := d.undoTime(ctx, len(mine))
	defer cancel()
	var out strings.Builder
	if err := d.undo(undoCtx, call, mine, &out); err != nil {
		return Unclear, none, failed(reason.New("docker_not_undone", "error", why, "undo", reasonOf(err)), err)
	}
	return NotHappened, reason.New("docker_undone", "error", why), nil
}

// finish removes the old containers of a replacement that succeeded.
func (d *docker) finish(ctx context.Context, all []replacement) (Outcome, reason.Reason, error) {
	var names []string
	for _, p := range all {
		if p.old != nil {
			if err := d.remove(ctx, p.old); err != nil {
				return Unclear, reason.Reason{}, err
			}
		}
		names = append(names, p.name)
	}
	return Happened, reason.New("docker_replaced", "containers", names), nil
}
