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
)

// The re-creation of a container passes through states that its names and labels tell apart,
// so that after a crash the world says how far it came. With N the container's name:
//
//	N (old)                                       nothing was done
//	N (old), N-guardian-new-I                     created, perhaps N is stopped already
//	N-guardian-old-I, N-guardian-new-I            the old one has made way
//	N (labelled I), N-guardian-old-I              swapped; perhaps not started, perhaps not healthy
//	N (labelled I)                                done
//
// Ask finishes the fourth when it is healthy, and undoes it otherwise; the second and third
// are undone. The new container goes last in an undo, because its labels say whether the old
// one was running.

func oldName(name, intent string) string { return name + "-guardian-old-" + intent }
func newName(name, intent string) string { return name + "-guardian-new-" + intent }

var setAside = regexp.MustCompile(`-guardian-(old|new)-.*$`)

// place is one name at which a container is replaced.
type place struct {
	name  string
	mine  bool       // cur carries the label of this intent
	cur   *container // the one that has the name now
	old   *container // the one that was set aside under this intent
	fresh *container // the one that was created under this intent and has not taken the name
	// stopping: the engine may still be at stopping cur, for somebody who did not wait.
	stopping bool
}

// touched tells that something of this intent is there.
func (p place) touched() bool { return p.mine || p.old != nil || p.fresh != nil }

// over tells that the replacement is complete.
func (p place) over() bool { return p.mine && p.old == nil && p.fresh == nil }

// places finds the containers that the step is about, and how far this intent came at each.
func (d *docker) places(ctx context.Context, call Call, data map[string]any) ([]place, error) {
	names, err := d.names(ctx, data)
	if err != nil {
		return nil, err
	}
	var places []place
	for _, n := range names {
		p, err := d.place(ctx, n, call.Intent)
		if err != nil {
			return nil, err
		}
		// What another intent has set aside of a container that is gone is not ours.
		if d.s.Compose != nil && p.cur == nil && !p.touched() {
			continue
		}
		places = append(places, p)
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("there is no container of compose project %s, service %s", d.s.Compose.Project, d.s.Compose.Service)
	}
	return places, nil
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
		return nil, fmt.Errorf("find the containers of compose service %s: %w", d.s.Compose.Service, err)
	}
	for i, n := range found {
		found[i] = setAside.ReplaceAllString(n, "")
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func (d *docker) place(ctx context.Context, name, intent string) (place, error) {
	p := place{name: name}
	for at, to := range map[string]**container{name: &p.cur, oldName(name, intent): &p.old, newName(name, intent): &p.fresh} {
		c, err := d.api.inspect(ctx, at)
		if errors.Is(err, errNoSuch) || err == nil && c.name() != at {
			continue // the engine also finds a container by the beginning of its ID
		}
		if err != nil {
			return p, fmt.Errorf("look at container %s: %w", at, err)
		}
		*to = &c
	}
	p.mine = p.cur != nil && p.cur.label(labelIntent) == intent
	return p, nil
}

// undoTime gives an undo time of its own, whatever became of the step's. Only a lost lease ends
// it: then another guardian is at these containers.
func (d *docker) undoTime(ctx context.Context, places int) (context.Context, context.CancelFunc) {
	each := 2*time.Duration(d.s.Stop) + 30*time.Second
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), each*time.Duration(max(places, 1)))
	stop := context.AfterFunc(ctx, func() {
		if lostLease(ctx) {
			cancel()
		}
	})
	return undo, func() { stop(); cancel() }
}

func lostLease(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrLostLease) }

// undo puts the old containers back. It looks first, so that it may be called at any point
// and again after it was interrupted.
func (d *docker) undo(ctx context.Context, call Call, places []place, out io.Writer) error {
	var errs []error
	for _, before := range places {
		p, err := d.place(ctx, before.name, call.Intent)
		p.stopping = before.stopping
		if err == nil {
			err = d.putBack(ctx, call, p)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("container %s: %w", before.name, err))
			continue
		}
		if p.touched() {
			_, _ = fmt.Fprintf(out, "%s is as it was\n", p.name)
		}
	}
	return errors.Join(errs...)
}

func (d *docker) putBack(ctx context.Context, call Call, p place) error {
	if !p.touched() {
		return nil
	}
	old, made := p.old, p.fresh
	if p.mine {
		made = p.cur
	} else if p.cur != nil {
		old = p.cur
	}
	if old == nil {
		return errors.New("the old container is gone, the new one stays")
	}
	run := true
	if made != nil {
		run = made.label(labelRunning) != "false"
		// It holds the ports and the addresses.
		if err := d.api.stop(ctx, made.ID, time.Duration(d.s.Stop)); err != nil {
			return fmt.Errorf("stop the new one: %w", err)
		}
		if p.mine {
			if err := d.api.rename(ctx, made.ID, newName(p.name, call.Intent)); err != nil {
				return fmt.Errorf("rename the new one: %w", err)
			}
		}
	}
	if old == p.old {
		if err := d.api.rename(ctx, old.ID, p.name); err != nil {
			return fmt.Errorf("give the old one its name: %w", err)
		}
	}
	if run && old == p.cur && old.State.Running && p.stopping {
		// Started now, it would end a moment later; so its end comes first.
		if err := d.api.stop(ctx, old.ID, time.Duration(d.s.Stop)); err != nil {
			return fmt.Errorf("wait for the end of the old one: %w", err)
		}
	}
	if run {
		if err := d.api.start(ctx, old.ID); err != nil {
			return fmt.Errorf("start the old one: %w", err)
		}
	}
	if made != nil {
		if err := d.api.remove(ctx, made.ID); err != nil {
			return fmt.Errorf("remove the new one: %w", err)
		}
	}
	return nil
}

// Ask looks at the containers, and finishes or undoes what a crash left half-done.
func (d *docker) Ask(ctx context.Context, call Call) (Outcome, string, error) {
	outcome, detail, err := d.askEngine(ctx, call)
	return outcome, d.local.Redact(clipText(detail, d.env.Redactor)), d.hide(err)
}

func (d *docker) askEngine(ctx context.Context, call Call) (Outcome, string, error) {
	data, err := call.data()
	if err != nil {
		return Unclear, "", err
	}
	places, err := d.places(ctx, call, data)
	if err != nil {
		return Unclear, "", err
	}
	mine := slices.DeleteFunc(slices.Clone(places), func(p place) bool { return !p.touched() })
	switch {
	case len(mine) == 0 && slices.ContainsFunc(places, func(p place) bool { return p.cur == nil }):
		return Unclear, "", fmt.Errorf("there is no container %s", places[0].name)
	case len(mine) == 0:
		return NotHappened, "no container carries the intent", nil
	// Old ones go only when all new ones were healthy: with the first one gone, it is done.
	case slices.ContainsFunc(mine, place.over):
		return d.finish(ctx, mine)
	}
	for i := range mine {
		mine[i].stopping = true
	}
	swapped := !slices.ContainsFunc(places, func(p place) bool { return !p.mine })
	reason := "it was interrupted"
	for _, p := range mine {
		if !swapped {
			break
		}
		if err := d.api.start(ctx, p.cur.ID); err != nil {
			swapped, reason = false, err.Error()
		} else if err := d.healthy(ctx, p.cur.ID); err != nil {
			swapped, reason = false, err.Error()
		}
	}
	if swapped {
		return d.finish(ctx, mine)
	}
	if lostLease(ctx) {
		return Unclear, "", context.Cause(ctx)
	}
	undoCtx, cancel := d.undoTime(ctx, len(mine))
	defer cancel()
	var out strings.Builder
	if err := d.undo(undoCtx, call, mine, &out); err != nil {
		return Unclear, "", fmt.Errorf("put back what was before: %w", err)
	}
	return NotHappened, reason + "; what ran before has been put back", nil
}

// finish removes the old containers of a replacement that is good.
func (d *docker) finish(ctx context.Context, places []place) (Outcome, string, error) {
	var names []string
	for _, p := range places {
		if p.old != nil {
			if err := d.api.remove(ctx, p.old.ID); err != nil {
				return Unclear, "", fmt.Errorf("remove the old container of %s: %w", p.name, err)
			}
		}
		names = append(names, p.name)
	}
	return Happened, strings.Join(names, ", ") + ": replaced under this intent", nil
}
