package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"guardian/actions"
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
	target  bool       // the step names it; else it is a sidecar, which keeps its image
	ref     string     // the image that a target gets
	next    image      // the same, once the engine has it
	ours    bool       // current carries the label of this intent
	current *container // has the name now
	old     *container // was renamed under this intent
	fresh   *container // was created under this intent and does not have the name yet
	layer   layer      // of current, by plan
	was     string     // the state of current, by plan
	// stopping: the engine may still be stopping current, by a request that was given up.
	stopping bool
}

// begun tells whether the replacement has begun.
func (p *replacement) begun() bool { return p.ours || p.old != nil || p.fresh != nil }

// complete tells whether the replacement is complete.
func (p *replacement) complete() bool { return p.ours && p.old == nil && p.fresh == nil }

// before gives the container that is replaced; nil when it is gone.
func (p *replacement) before() *container {
	if p.old != nil || p.ours {
		return p.old
	}
	return p.current
}

// after gives the container that takes its place; nil when there is none yet.
func (p *replacement) after() *container {
	if p.ours {
		return p.current
	}
	return p.fresh
}

// replacements finds the containers that the step names, and the sidecars whose replacement has
// begun, and how far that of each has come.
func (d *step) replacements(ctx context.Context, call actions.Call, data map[string]any) ([]*replacement, error) {
	targets, err := d.targets(ctx, call, data)
	if err != nil {
		return nil, err
	}
	list, err := d.api.list(ctx)
	if err != nil {
		return nil, actions.Failure(reason.New("docker_list", "error", actions.ReasonOf(err)), err)
	}
	names := slices.Collect(maps.Keys(targets))
	for _, l := range list {
		if name, ok := strings.CutSuffix(l.name(), oldName("", call.Intent)); ok {
			names = append(names, name)
		} else if l.Labels[labelIntent] == call.Intent {
			names = append(names, setAside.ReplaceAllString(l.name(), ""))
		}
	}
	slices.Sort(names)
	var all []*replacement
	for _, n := range slices.Compact(names) {
		p, err := d.replacement(ctx, n, call.Intent)
		if err != nil {
			return nil, err
		}
		// Another intent renamed a container that is gone by now.
		if (d.s.Compose != nil || d.project != "") && p.current == nil && !p.begun() {
			continue
		}
		if p.ref, p.target = targets[n]; d.project != "" && !p.begun() && d.runs(ctx, p) {
			continue
		}
		all = append(all, p)
	}
	if d.project == "" && !slices.ContainsFunc(all, func(p *replacement) bool { return p.target }) {
		return nil, actions.Failure(reason.New("docker_no_compose", "project", d.s.Compose.Project, "service", d.s.Compose.Service))
	}
	return inOrder(all), nil
}

// targets gives the containers that the step names, each with the image that it gets.
func (d *step) targets(ctx context.Context, call actions.Call, data map[string]any) (map[string]string, error) {
	if d.recorded() {
		return d.recordedTargets(ctx, call)
	}
	if d.project != "" {
		return d.projectTargets(ctx, data)
	}
	ref, err := d.image.Render(data)
	if err != nil {
		return nil, err
	}
	if d.s.Compose == nil {
		name, err := d.container.Render(data)
		return map[string]string{name: ref}, err
	}
	return d.serviceTargets(ctx, serviceImage{d.s.Compose.Project, d.s.Compose.Service, ref})
}

// serviceImage is a service of a compose project and the image that it gets.
type serviceImage struct{ project, service, ref string }

func (d *step) serviceTargets(ctx context.Context, s serviceImage) (map[string]string, error) {
	found, err := d.api.list(ctx, labelProject+"="+s.project, labelService+"="+s.service, "com.docker.compose.oneoff=False")
	if err != nil {
		return nil, actions.Failure(reason.New("docker_find", "service", s.service, "error", actions.ReasonOf(err)), err)
	}
	targets := map[string]string{}
	for _, l := range found {
		targets[setAside.ReplaceAllString(l.name(), "")] = s.ref
	}
	return targets, nil
}

func (d *step) replacement(ctx context.Context, name, intent string) (*replacement, error) {
	p := &replacement{name: name}
	for at, to := range map[string]**container{name: &p.current, oldName(name, intent): &p.old, newName(name, intent): &p.fresh} {
		c, err := d.api.inspect(ctx, at)
		if errors.Is(err, errNoSuch) || err == nil && c.name() != at {
			continue // the engine also finds a container by the beginning of its ID
		}
		if err != nil {
			return nil, actions.Failure(reason.New("docker_inspect", "container", at, "error", actions.ReasonOf(err)), err)
		}
		*to = &c
	}
	p.ours = p.current != nil && p.current.label(labelIntent) == intent
	return p, nil
}

// undoTime gives an undo time of its own, also when that of the step is over. Only a lost
// lease ends it: then another guardian works on these containers.
func (d *step) undoTime(ctx context.Context, all []*replacement) (context.Context, context.CancelFunc) {
	long := 30 * time.Second
	for _, p := range all {
		long += 30 * time.Second
		for _, c := range []*container{p.current, p.old, p.fresh} {
			if c != nil {
				long += 2 * max(0, d.stopTime(c))
			}
		}
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), long)
	stop := context.AfterFunc(ctx, func() {
		if lostLease(ctx) {
			cancel()
		}
	})
	return undo, func() { stop(); cancel() }
}

// stopTime is how long a container may take to stop; negative: for ever.
func (d *step) stopTime(c *container) time.Duration {
	if d.s.StopTimeout != nil {
		return time.Duration(*d.s.StopTimeout)
	}
	return c.stopTimeout()
}

// stop, start, pause and remove are calls to the engine whose error names the container.
func (d *step) stop(ctx context.Context, c *container) error {
	if err := d.api.stop(ctx, c.ID, (*time.Duration)(d.s.StopTimeout)); err != nil {
		return actions.Failure(reason.New("docker_stop", "container", c.name(), "error", actions.ReasonOf(err)), err)
	}
	return nil
}

// start starts a container that does not run.
func (d *step) start(ctx context.Context, id, name string) error {
	if d.isPaused(ctx, id) {
		return nil // the engine would refuse it
	}
	if err := d.api.start(ctx, id); err != nil {
		return actions.Failure(reason.New("docker_start", "container", name, "error", actions.ReasonOf(err)), err)
	}
	return nil
}

// pause pauses a container that is not.
func (d *step) pause(ctx context.Context, id, name string) error {
	if d.isPaused(ctx, id) {
		return nil
	}
	if err := d.api.pause(ctx, id); err != nil {
		return actions.Failure(reason.New("docker_pause", "container", name, "error", actions.ReasonOf(err)), err)
	}
	return nil
}

func (d *step) isPaused(ctx context.Context, id string) bool {
	c, err := d.api.inspect(ctx, id)
	return err == nil && c.State.Paused
}

func (d *step) remove(ctx context.Context, c *container) error {
	if err := d.api.remove(ctx, c.ID); err != nil {
		return actions.Failure(reason.New("docker_remove", "container", c.name(), "error", actions.ReasonOf(err)), err)
	}
	return nil
}

func lostLease(ctx context.Context) bool { return errors.Is(context.Cause(ctx), actions.ErrLostLease) }

// undo puts the old containers back. It looks first, so that it may be called at any point
// and again after it was interrupted.
func (d *step) undo(ctx context.Context, call actions.Call, all []*replacement, out io.Writer) error {
	var begun []*replacement
	var errs []error
	var whys []reason.Reason
	failedAt := func(name string, err error) {
		errs, whys = append(errs, err), append(whys, reason.New("docker_container", "container", name, "error", actions.ReasonOf(err)))
	}
	for _, before := range all {
		p, err := d.replacement(ctx, before.name, call.Intent)
		if err != nil {
			failedAt(before.name, err)
			continue
		}
		if p.target, p.stopping = before.target, before.stopping; p.begun() {
			begun = append(begun, p)
		}
	}
	for _, g := range groups(inOrder(begun)) {
		broken := d.putBack(ctx, call, g)
		for _, p := range g {
			if err := broken[p.name]; err != nil {
				failedAt(p.name, err)
			} else {
				_, _ = fmt.Fprintf(out, "%s is as it was\n", p.name)
			}
		}
	}
	if len(errs) > 0 {
		return actions.Failure(reason.Join(whys...), errs...)
	}
	return nil
}

// putBack puts the old containers of a group back, and gives the errors by name. The sidecars stop
// first and start last. The new ones are removed last: their labels say in which states the old ones
// were.
func (d *step) putBack(ctx context.Context, call actions.Call, group []*replacement) map[string]error {
	broken := map[string]error{}
	each := func(list iter.Seq2[int, *replacement], do func(context.Context, actions.Call, *replacement) error) {
		for _, p := range list {
			if broken[p.name] == nil {
				broken[p.name] = do(ctx, call, p)
			}
		}
	}
	each(slices.Backward(group), d.stopNew)
	each(slices.All(group), d.nameOld)
	each(slices.All(group), d.restartOld)
	each(slices.Backward(group), d.removeNew)
	return broken
}

// stopNew stops a new container: it uses the ports and the addresses of the old one.
func (d *step) stopNew(ctx context.Context, call actions.Call, p *replacement) error {
	if p.before() == nil {
		return actions.Failure(reason.New("docker_old_gone"))
	}
	if p.after() == nil {
		return nil
	}
	return d.stop(ctx, p.after())
}

// nameOld gives the old container its name again.
func (d *step) nameOld(ctx context.Context, call actions.Call, p *replacement) error {
	if p.ours {
		if err := d.rename(ctx, p.current.ID, p.name, newName(p.name, call.Intent)); err != nil {
			return err
		}
	}
	if p.old != nil {
		return d.rename(ctx, p.old.ID, oldName(p.name, call.Intent), p.name)
	}
	return nil
}

// restartOld takes the old container into the state that it was in.
func (d *step) restartOld(ctx context.Context, _ actions.Call, p *replacement) error {
	old, was := p.before(), wasRunning
	if made := p.after(); made != nil {
		was = made.label(labelRunning)
	}
	if was == wasStopped || was == wasCrashed {
		return nil
	}
	if old == p.current && old.State.Running && p.stopping {
		// The engine is still stopping it: started now, it would end a moment later.
		if err := d.stop(ctx, old); err != nil {
			return err
		}
	}
	if err := d.start(ctx, old.ID, p.name); err != nil && (p.target || was != wasFailing) {
		return err
	}
	if was == wasPaused {
		return d.pause(ctx, old.ID, p.name)
	}
	return nil
}

func (d *step) removeNew(ctx context.Context, _ actions.Call, p *replacement) error {
	if p.after() == nil {
		return nil
	}
	return d.remove(ctx, p.after())
}

// Status looks at the containers, and finishes or undoes what a crash left half-done.
func (d *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	outcome, detail, err := d.containerStatus(ctx, call)
	return outcome, d.shown(detail), d.redactError(err)
}

func (d *step) containerStatus(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	none := reason.Reason{}
	data, err := call.Data()
	if err != nil {
		return actions.Unclear, none, err
	}
	all, err := d.replacements(ctx, call, data)
	if err != nil {
		return actions.Unclear, none, err
	}
	mine := slices.DeleteFunc(slices.Clone(all), func(p *replacement) bool { return !p.begun() })
	switch {
	case len(mine) == 0 && slices.ContainsFunc(all, func(p *replacement) bool { return p.current == nil }):
		return actions.Unclear, none, actions.Failure(reason.New("docker_no_container", "container", all[0].name))
	case len(mine) == 0:
		return actions.NotHappened, reason.New("docker_no_trace"), nil
	// Old ones are removed only when all new ones are healthy: once the first is gone, it is done.
	case slices.ContainsFunc(mine, (*replacement).complete):
		return d.finish(ctx, mine)
	}
	why := reason.New("docker_interrupted")
	if !slices.ContainsFunc(all, func(p *replacement) bool { return !p.ours }) {
		err := d.bringAllUp(ctx, mine)
		if err == nil {
			return d.finish(ctx, mine)
		}
		why = actions.ReasonOf(err)
	}
	if lostLease(ctx) {
		return actions.Unclear, none, context.Cause(ctx)
	}
	for _, p := range mine {
		p.stopping = true
	}
	undoCtx, cancel := d.undoTime(ctx, mine)
	defer cancel()
	var out strings.Builder
	if err := d.undo(undoCtx, call, mine, &out); err != nil {
		return actions.Unclear, none, actions.Failure(reason.New("docker_not_undone", "error", why, "undo", actions.ReasonOf(err)), err)
	}
	return actions.NotHappened, reason.New("docker_undone", "error", why), nil
}

// bringAllUp takes all new containers, which have the names of the old ones, into their states.
func (d *step) bringAllUp(ctx context.Context, all []*replacement) error {
	for _, g := range groups(all) {
		var made []madeContainer
		for _, p := range g {
			made = append(made, madeContainer{id: p.current.ID, name: p.name, target: p.target, was: p.current.label(labelRunning)})
		}
		if _, err := d.bringUp(ctx, made); err != nil {
			return err
		}
	}
	return nil
}

// finish removes the old containers of a replacement that succeeded.
func (d *step) finish(ctx context.Context, all []*replacement) (actions.Outcome, reason.Reason, error) {
	var names []string
	for _, p := range slices.Backward(all) {
		if p.old != nil {
			if err := d.remove(ctx, p.old); err != nil {
				return actions.Unclear, reason.Reason{}, err
			}
		}
		names = append(names, p.name)
	}
	slices.Sort(names)
	return actions.Happened, reason.New("docker_replaced", "containers", names), nil
}
