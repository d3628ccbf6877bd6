package docker

import (
	"context"
	"errors"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// Plan implements Planner: which containers would be re-created, what of them is kept, and what would
// be lost. The error is why Do would refuse.
func (d *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	plan, err := d.planCall(ctx, call)
	return d.shown(plan), d.redactError(err)
}

func (d *step) planCall(ctx context.Context, call actions.Call) (reason.Reason, error) {
	data, err := call.Data()
	if err != nil {
		return reason.Reason{}, err
	}
	all, err := d.replacements(ctx, call, data)
	if err != nil {
		return reason.Reason{}, err
	}
	if all, err = d.plan(ctx, all); err != nil {
		return reason.Reason{}, err
	}
	stays, err := d.unrecorded(ctx, call)
	if err != nil {
		return reason.Reason{}, err
	}
	out := reason.Join(planned(all), stays)
	if err := d.refuse(ctx, all); err != nil {
		return out, err
	}
	return out, d.findImages(ctx, all)
}

// findImages gives the error of an image that Do could not get.
func (d *step) findImages(ctx context.Context, all []*replacement) error {
	asked := map[string]bool{}
	for _, p := range all {
		if !p.target || asked[p.ref] {
			continue
		}
		asked[p.ref] = true
		_, err := d.api.image(ctx, p.ref)
		switch {
		case err == nil:
			continue
		case !errors.Is(err, errNoSuch):
			return actions.Failure(reason.New("docker_image", "image", p.ref, "error", actions.ReasonOf(err)), err)
		case d.s.Pull == PullNever:
			return actions.Failure(reason.New("docker_image_missing", "image", p.ref))
		}
		if err := d.api.fetchable(ctx, p.ref); err != nil {
			return actions.Failure(reason.New("docker_pull", "image", p.ref, "error", actions.ReasonOf(err)), err)
		}
	}
	return nil
}

// plan adds the sidecars to the containers that the step names, puts those first that others depend
// on, and reads what was changed in each. It changes nothing.
func (d *step) plan(ctx context.Context, all []*replacement) ([]*replacement, error) {
	for _, p := range all {
		if p.current == nil {
			return nil, actions.Failure(reason.New("docker_no_container", "container", p.name))
		}
	}
	others, err := d.api.inspectAll(ctx)
	if err != nil {
		return nil, actions.Failure(reason.New("docker_list", "error", actions.ReasonOf(err)), err)
	}
	others = slices.DeleteFunc(others, func(c container) bool {
		return slices.ContainsFunc(all, func(p *replacement) bool { return p.current.ID == c.ID }) ||
			c.autoRemove() && slices.Contains(d.s.AcceptLoss, c.name())
	})
	// Sidecars of sidecars, too: all grows while it is looked through.
	for i := 0; i < len(all); i++ {
		others = slices.DeleteFunc(others, func(c container) bool {
			sidecar := len(c.uses(*all[i].current)) > 0
			if sidecar {
				all = append(all, &replacement{name: c.name(), current: &c})
			}
			return sidecar
		})
	}
	for _, p := range all {
		if p.layer, err = d.layerOf(ctx, *p.current); err != nil {
			return nil, err
		}
		p.was = p.current.was()
	}
	for _, p := range all {
		crashed := func(on *replacement) bool { return on.was == wasCrashed && p.dependsOn(on) }
		if !p.target && p.was == wasRunning && slices.ContainsFunc(all, crashed) {
			p.was = wasFailing
		}
	}
	return inOrder(all), nil
}

// stays tells whether a container is not started after its re-creation.
func (p *replacement) stays() bool { return staysStopped(p.was, p.target) }

// staysStopped: what people stopped stays so, and so does a sidecar that ended.
func staysStopped(was string, target bool) bool {
	return was == wasStopped || was == wasCrashed && !target
}

// planned is what is going to happen to containers, for people.
func planned(all []*replacement) reason.Reason {
	var out []reason.Reason
	for _, p := range all {
		if p.target {
			out = append(out, reason.New("docker_plan_target", "container", p.name, "from", p.current.imageRef(), "to", p.ref))
		} else {
			out = append(out, reason.New("docker_plan_sidecar", "container", p.name, "uses", p.relations(all...)))
		}
		switch {
		case p.stays():
			out = append(out, reason.New("docker_plan_stopped", "container", p.name))
		case p.was == wasPaused:
			out = append(out, reason.New("docker_plan_paused", "container", p.name))
		}
		if len(p.layer.kept) > 0 {
			out = append(out, reason.New("docker_plan_keeps", "container", p.name, "files", fileList(p.layer.kept)))
		}
		if len(p.layer.lost) > 0 {
			out = append(out, reason.New("docker_plan_loses", "container", p.name, "files", fileList(p.layer.lost)))
		}
	}
	return reason.Join(out...)
}

// relations says how a sidecar depends on the other containers.
func (p *replacement) relations(others ...*replacement) []reason.Reason {
	var out []reason.Reason
	for _, on := range others {
		for _, way := range p.current.uses(*on.current) {
			out = append(out, reason.New("docker_uses_"+way, "container", on.name))
		}
	}
	return out
}

// refuse gives the error of containers that could not be put back, that would lose something that the
// configuration does not let go, or that may stop for longer than the step has time.
func (d *step) refuse(ctx context.Context, all []*replacement) error {
	var losses []reason.Reason
	for _, p := range all {
		switch {
		case p.current.autoRemove() && p.target:
			return actions.Failure(reason.New("docker_auto_remove", "container", p.name))
		case p.current.autoRemove():
			losses = append(losses, reason.New("docker_loses_sidecar", "container", p.name, "uses", p.relations(all...)))
		case p.current.label("com.docker.swarm.service.id") != "":
			return actions.Failure(reason.New("docker_swarm", "container", p.name))
		case p.current.State.Running && d.stopTime(p.current) < 0:
			return actions.Failure(reason.New("docker_stops_never", "container", p.name))
		}
		for _, on := range all {
			if !p.stays() && on.stays() && slices.ContainsFunc(p.current.uses(*on.current), needsRunning) {
				return actions.Failure(reason.New("docker_orphan", "container", p.name, "uses", p.relations(on), "other", on.name))
			}
		}
		lost := slices.DeleteFunc(slices.Clone(p.layer.lost), d.accepts)
		if len(lost) > 0 {
			losses = append(losses, reason.New("docker_loses", "container", p.name, "files", fileList(lost)))
		}
	}
	if len(losses) > 0 {
		return actions.Failure(reason.Join(append(losses, reason.New("docker_would_lose"))...))
	}
	deadline, limited := ctx.Deadline()
	for _, g := range groups(all) {
		var stops time.Duration
		for _, p := range g {
			if p.current.State.Running {
				stops += d.stopTime(p.current)
			}
		}
		if left := deadline.Sub(d.env.Now()); limited && left < stops {
			return actions.Failure(reason.New("docker_stops_long", "container", g[0].name, "long", stops, "left", max(0, left.Round(time.Second))))
		}
	}
	return nil
}

// needsRunning tells whether a container can be started in this relation only while the other one runs.
func needsRunning(way string) bool { return way != usesVolumes }

// inOrder sorts containers so that each comes after those that it depends on.
func inOrder(all []*replacement) []*replacement {
	var sorted []*replacement
	for left := all; len(left) > 0; {
		var ready, rest []*replacement
		for _, p := range left {
			if slices.ContainsFunc(left, p.follows) {
				rest = append(rest, p)
			} else {
				ready = append(ready, p)
			}
		}
		if len(ready) == 0 { // a circle: no order is right
			ready, rest = rest, nil
		}
		sorted, left = append(sorted, ready...), rest
	}
	return sorted
}

// groups splits containers that are in order into those that depend on each other. A group stands where
// its first container does.
func groups(all []*replacement) [][]*replacement {
	var out [][]*replacement
	for _, p := range all {
		var own []*replacement
		at := -1
		for i, g := range out {
			if !slices.ContainsFunc(g, p.dependsOn) {
				continue
			}
			if at < 0 {
				at = i
			}
			own, out[i] = append(own, g...), nil
		}
		if own = append(own, p); at < 0 {
			out = append(out, own)
		} else {
			out[at] = own
		}
		out = slices.DeleteFunc(out, func(g []*replacement) bool { return len(g) == 0 })
	}
	return out
}

// follows tells whether a container comes after another one: it uses it, or its service depends on the
// other's in the compose project.
func (p *replacement) follows(on *replacement) bool {
	if p.dependsOn(on) {
		return true
	}
	a, b := p.original(), on.original()
	return p != on && a != nil && b != nil && a.label(labelProject) != "" && a.label(labelProject) == b.label(labelProject) &&
		slices.Contains(a.servicesBefore(), b.label(labelService))
}

// dependsOn tells whether a container, as it was before, uses another one.
func (p *replacement) dependsOn(on *replacement) bool {
	a, b := p.original(), on.original()
	return p != on && a != nil && b != nil && len(a.uses(*b)) > 0
}

// original gives the container as it was before, or where that is gone, the one in its place.
func (p *replacement) original() *container {
	if c := p.before(); c != nil {
		return c
	}
	return p.after()
}
