package docker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"guardian/actions"
	"guardian/internal/reason"
)

// Sees implements actions.Sighted.
func (d *step) Sees() bool {
	if d.project == "" {
		return actions.ByVersion(d.s.Image)
	}
	for _, t := range d.images {
		if strings.Contains(t.Source(), ".From") {
			return false
		}
	}
	return true
}

// Sight implements actions.Sighted: the image of each container that the step would re-create. Of a
// project whose images no template gives, all services are told, to be recorded.
func (d *step) Sight(ctx context.Context, call actions.Call) (actions.Sight, error) {
	seen := d.sightOfTargets
	if d.recorded() {
		seen = d.sightOfProject
	}
	s, err := seen(ctx, call)
	return s, d.redactError(err)
}

// sightOfTargets compares the containers with the images that the templates give for the version.
func (d *step) sightOfTargets(ctx context.Context, call actions.Call) (actions.Sight, error) {
	data, err := call.Data()
	if err != nil {
		return actions.Sight{}, err
	}
	targets, err := d.targets(ctx, call, data)
	if err != nil {
		return actions.Sight{}, err
	}
	var s actions.Sight
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		p := actions.Part{Name: name, Should: targets[name], Fit: actions.Differs}
		c, err := d.api.inspect(ctx, name)
		switch {
		case errors.Is(err, errNoSuch):
		case err != nil:
			return actions.Sight{}, actions.Failure(reason.New("docker_inspect", "container", name, "error", actions.ReasonOf(err)), err)
		default:
			p.Runs, p.Exact = c.imageRef(), c.Image
			if p.Fit, err = d.fits(ctx, c, targets[name]); err != nil {
				return actions.Sight{}, err
			}
		}
		s.Parts = append(s.Parts, p)
	}
	return s, nil
}

// fits tells whether a container runs an image. One that the engine does not have may be the same
// under another name, unless both are tags of one repository.
func (d *step) fits(ctx context.Context, c container, ref string) (actions.Fit, error) {
	if c.imageRef() == ref {
		return actions.Fits, nil
	}
	img, err := d.api.image(ctx, ref)
	switch {
	case errors.Is(err, errNoSuch):
		if repository, tag := splitTag(ref); tag != "" {
			if other, its := splitTag(c.imageRef()); its != "" && other == repository {
				return actions.Differs, nil
			}
		}
		return actions.NotKnown, nil
	case err != nil:
		return actions.NotKnown, actions.Failure(reason.New("docker_image", "image", ref, "error", actions.ReasonOf(err)), err)
	case img.ID == c.Image:
		return actions.Fits, nil
	default:
		return actions.Differs, nil
	}
}

// splitTag splits the name of an image at its tag; "": it has none, or a digest.
func splitTag(ref string) (repository, tag string) {
	i := strings.LastIndexByte(ref, ':')
	if i < strings.LastIndexByte(ref, '/') || i < 0 || strings.Contains(ref, "@") || strings.HasPrefix(ref, "sha256:") {
		return ref, ""
	}
	return ref[:i], ref[i+1:]
}

// recorded tells whether the project goes back to the images that were seen while the version ran.
func (d *step) recorded() bool { return d.project != "" && len(d.images) == 0 }

// key names the project for what is recorded of it.
func (d *step) key() string { return "compose " + d.s.Host + " " + d.project }

// record gives what the project ran while the version of a call was in place, as it was known when the
// run was made: what is recorded later does not change a run that is under way.
func (d *step) record(ctx context.Context, call actions.Call) (actions.Sighting, bool, error) {
	if d.env.Sightings == nil || call.Run.To == "" {
		return actions.Sighting{}, false, nil
	}
	s, ok, err := d.env.Sightings.Sighted(ctx, actions.Sighting{
		Service: call.Run.Service, Environment: call.Run.Environment, Target: d.key(), Version: call.Run.To, At: call.Run.Created,
	})
	if err != nil {
		return s, false, actions.Failure(reason.New("compose_record_unread", "project", d.project, "error", err), err)
	}
	return s, ok, nil
}

// sightOfProject tells the image of each service, and compares it with what was recorded.
func (d *step) sightOfProject(ctx context.Context, call actions.Call) (actions.Sight, error) {
	found, err := d.services(ctx)
	if err != nil {
		return actions.Sight{}, err
	}
	was, known, err := d.record(ctx, call)
	if err != nil {
		return actions.Sight{}, err
	}
	should := map[string]actions.Part{}
	for _, p := range was.Parts {
		should[p.Name] = p
	}
	s := actions.Sight{Target: d.key()}
	for _, service := range slices.Sorted(maps.Keys(found)) {
		p, err := d.part(ctx, service, found[service])
		if err != nil {
			return actions.Sight{}, err
		}
		if w, ok := should[service]; known && ok {
			p.Should, p.Fit = w.Runs, actions.Differs
			if p.Exact == w.Exact {
				p.Fit = actions.Fits
			}
		}
		delete(should, service)
		s.Parts = append(s.Parts, p)
	}
	for _, service := range slices.Sorted(maps.Keys(should)) {
		s.Parts = append(s.Parts, actions.Part{Name: service, Should: should[service].Runs, Fit: actions.Differs})
	}
	return s, nil
}

// services gives the containers of the project by service, without those that are set aside.
func (d *step) services(ctx context.Context) (map[string][]container, error) {
	found, err := d.api.list(ctx, labelProject+"="+d.project, "com.docker.compose.oneoff=False")
	if err != nil {
		return nil, actions.Failure(reason.New("docker_list", "error", actions.ReasonOf(err)), err)
	}
	all := map[string][]container{}
	for _, l := range found {
		if setAside.MatchString(l.name()) {
			continue
		}
		c, err := d.api.inspect(ctx, l.ID)
		if errors.Is(err, errNoSuch) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, actions.Failure(reason.New("docker_inspect", "container", l.name(), "error", actions.ReasonOf(err)), err)
		}
		all[l.Labels[labelService]] = append(all[l.Labels[labelService]], c)
	}
	if len(all) == 0 {
		return nil, actions.Failure(reason.New("compose_no_project", "project", d.project))
	}
	return all, nil
}

// part tells the image of a service. Containers with different images have none that could be gone
// back to.
func (d *step) part(ctx context.Context, service string, all []container) (actions.Part, error) {
	p := actions.Part{Name: service, Runs: all[0].imageRef(), Exact: all[0].Image}
	for _, c := range all[1:] {
		if c.Image != p.Exact {
			p.Exact = ""
		}
	}
	if p.Exact == "" {
		return p, nil
	}
	img, err := d.api.image(ctx, p.Exact)
	switch {
	case errors.Is(err, errNoSuch):
		return p, nil // it was removed by force, and the container still runs it
	case err != nil:
		return p, actions.Failure(reason.New("docker_image", "image", p.Exact, "error", actions.ReasonOf(err)), err)
	}
	repository, _ := splitTag(p.Runs)
	for _, digest := range img.RepoDigests {
		if p.Source == "" || strings.HasPrefix(digest, repository+"@") {
			p.Source = digest
		}
	}
	return p, nil
}

// recordedTargets gives the containers of the services, each with the image that was recorded.
func (d *step) recordedTargets(ctx context.Context, call actions.Call) (map[string]string, error) {
	was, ok, err := d.record(ctx, call)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, actions.Failure(reason.New("compose_not_recorded", "project", d.project, "version", call.Run.To))
	}
	targets := map[string]string{}
	for _, p := range was.Parts {
		ref, err := d.refOf(ctx, p)
		if err != nil {
			return nil, err
		}
		own, err := d.serviceTargets(ctx, serviceImage{d.project, p.Name, ref})
		if err != nil {
			return nil, err
		}
		if len(own) == 0 {
			return nil, actions.Failure(reason.New("docker_no_compose", "project", d.project, "service", p.Name))
		}
		maps.Copy(targets, own)
	}
	return targets, nil
}

// refOf names an image that was recorded: by its tag, while that is still the same image, else by its
// digest or its ID. One that the engine no longer has is fetched by its digest.
func (d *step) refOf(ctx context.Context, p actions.Part) (string, error) {
	for _, ref := range []string{p.Runs, p.Source, p.Exact} {
		if ref == "" {
			continue
		}
		img, err := d.api.image(ctx, ref)
		switch {
		case err == nil && img.ID == p.Exact:
			return ref, nil
		case err != nil && !errors.Is(err, errNoSuch):
			return "", actions.Failure(reason.New("docker_image", "image", ref, "error", actions.ReasonOf(err)), err)
		}
	}
	if p.Source == "" {
		return "", actions.Failure(reason.New("compose_image_gone", "project", d.project, "service", p.Name, "image", p.Runs))
	}
	return p.Source, nil
}

// unrecorded tells which services of the project were not there when it was recorded: they stay.
func (d *step) unrecorded(ctx context.Context, call actions.Call) (reason.Reason, error) {
	if !d.recorded() {
		return reason.Reason{}, nil
	}
	was, _, err := d.record(ctx, call)
	if err != nil {
		return reason.Reason{}, err
	}
	found, err := d.services(ctx)
	if err != nil {
		return reason.Reason{}, err
	}
	for _, p := range was.Parts {
		delete(found, p.Name)
	}
	if len(found) == 0 {
		return reason.Reason{}, nil
	}
	return reason.New("compose_plan_stays", "services", slices.Sorted(maps.Keys(found)), "version", call.Run.To), nil
}
