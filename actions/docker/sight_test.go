package docker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/actions/docker"
	"guardian/internal/versions"
)

// seen keeps what was recorded, as the journal does.
type seen struct{ all []actions.Sighting }

// Sighted implements actions.Sightings.
func (k *seen) Sighted(_ context.Context, a actions.Sighting) (actions.Sighting, bool, error) {
	for _, s := range slices.Backward(k.all) {
		if s.Target == a.Target && versions.Same(s.Version, a.Version) && (a.At.IsZero() || s.At.Before(a.At)) {
			return s, true, nil
		}
	}
	return actions.Sighting{}, false, nil
}

// recorded is a project whose images have tags that move: no template says which a version had.
type recordedProject struct {
	project
	seen *seen
}

func (y *dockerHost) newRecorded(t *testing.T, name string) recordedProject {
	t.Helper()
	r := recordedProject{project{y, name}, &seen{}}
	r.deploy(t, "plain:v1")
	return r
}

// deploy moves the tag to an image, and starts every service anew with it, as a pipeline does.
func (r recordedProject) deploy(t *testing.T, image string) {
	t.Helper()
	r.must(t, "POST", "/images/"+image+"/tag?repo="+r.name+"&tag=latest", nil, nil)
	for _, service := range []string{"db", "api", "web"} {
		r.clear(t, r.container(service))
	}
	r.newProject(t, r.name, r.name+":latest")
}

func (r recordedProject) step(t *testing.T, change func(*docker.ProjectSettings)) actions.Step {
	t.Helper()
	return r.project.stepWith(t, r.seen, func(s *docker.ProjectSettings) {
		s.Images = nil
		if change != nil {
			change(s)
		}
	})
}

// record keeps what runs as a version, as it is done after a verdict.
func (r recordedProject) record(t *testing.T, version string) []actions.Part {
	t.Helper()
	s := r.sight(t, version)
	if !s.Recordable() {
		t.Fatalf("%+v cannot be recorded", s)
	}
	r.seen.all = append(r.seen.all, actions.Sighting{Target: s.Target, Version: version, At: time.Now(), Parts: s.Parts})
	return s.Parts
}

func (r recordedProject) sight(t *testing.T, version string) actions.Sight {
	t.Helper()
	sighted, ok := actions.Sees(r.step(t, nil))
	if !ok {
		t.Fatal("the step cannot tell what runs")
	}
	s, err := sighted.Sight(t.Context(), dockerCall(t, version))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// images are those that the containers of db, api and web run.
func (r recordedProject) images(t *testing.T) []any {
	t.Helper()
	var all []any
	for _, service := range []string{"db", "api", "web"} {
		all = append(all, r.inspect(t, r.container(service))["Image"])
	}
	return all
}

func fits(s actions.Sight) []actions.Fit {
	var all []actions.Fit
	for _, p := range s.Parts {
		all = append(all, p.Fit)
	}
	return all
}

// Without a template the services go back to the images that were seen while the version ran.
func (y *dockerHost) testRecorded(t *testing.T) {
	t.Helper()
	t.Run("goes back to what was seen", func(t *testing.T) {
		t.Parallel()
		r := y.newRecorded(t, "moving")
		if got := fits(r.sight(t, "v1")); !slices.Equal(got, []actions.Fit{actions.NotKnown, actions.NotKnown, actions.NotKnown}) {
			t.Errorf("before anything was recorded: %v", got)
		}
		parts, before := r.record(t, "v1"), r.images(t)
		if len(parts) != 3 || parts[0].Name != "api" || parts[0].Exact != before[1] || parts[0].Runs != "moving:latest" {
			t.Errorf("recorded %+v, the containers run %v", parts, before)
		}
		r.deploy(t, "plain:v2")
		if got := fits(r.sight(t, "v1")); !slices.Equal(got, []actions.Fit{actions.Differs, actions.Differs, actions.Differs}) {
			t.Errorf("after a deploy that nobody announced: %v", got)
		}
		r.record(t, "v2")
		plan, err := r.step(t, nil).(actions.Planner).Plan(t.Context(), dockerCall(t, "v1"))
		if err != nil || !strings.Contains(plan.String(), "moving-web-1") {
			t.Errorf("plan %s, %v", plan, err)
		}
		out, err := r.step(t, nil).Do(t.Context(), dockerCall(t, "v1"))
		if now := r.images(t); err != nil || !slices.Equal(now, before) {
			t.Fatalf("%v: the containers run %v, before %v\n%s", err, now, before, out)
		}
		if got := fits(r.sight(t, "v1")); !slices.Equal(got, []actions.Fit{actions.Fits, actions.Fits, actions.Fits}) {
			t.Errorf("after the rollback: %v", got)
		}
		if again, err := r.step(t, nil).Do(t.Context(), dockerCall(t, "v1")); err != nil || !strings.Contains(again, "nothing to do") {
			t.Errorf("again: %v\n%s", err, again)
		}
	})
	t.Run("and refuses what nobody saw", func(t *testing.T) {
		t.Parallel()
		r := y.newRecorded(t, "unseen")
		r.record(t, "v1")
		before := r.ids(t)
		for version, want := range map[string]string{"v0": "was not recorded which images project unseen ran with version v0", "": "was not recorded"} {
			if _, err := r.step(t, nil).Do(t.Context(), dockerCall(t, version)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("to %q: error %v", version, err)
			}
		}
		// What is recorded once the run was made is another run's.
		late := dockerCall(t, "v1")
		late.Run.Created = r.seen.all[0].At
		if _, err := r.step(t, nil).Do(t.Context(), late); err == nil || !strings.Contains(err.Error(), "was not recorded") {
			t.Errorf("recorded later: error %v", err)
		}
		r.seen.all = append(r.seen.all, actions.Sighting{Target: r.seen.all[0].Target, Version: "gone", Parts: []actions.Part{{Name: "web", Runs: "unseen:old", Exact: "sha256:" + strings.Repeat("0", 64)}}})
		if _, err := r.step(t, nil).Do(t.Context(), dockerCall(t, "gone")); err == nil || !strings.Contains(err.Error(), "service web of project unseen ran unseen:old, which the engine no longer has") {
			t.Errorf("an image that is gone: error %v", err)
		}
		r.seen.all = append(r.seen.all, actions.Sighting{Target: r.seen.all[0].Target, Version: "more", Parts: []actions.Part{{Name: "queue", Runs: "plain:v1", Exact: r.seen.all[0].Parts[0].Exact}}})
		if _, err := r.step(t, nil).Do(t.Context(), dockerCall(t, "more")); err == nil || !strings.Contains(err.Error(), "service queue") {
			t.Errorf("a service that is gone: error %v", err)
		}
		if now := r.ids(t); !slices.Equal(now, before) {
			t.Errorf("containers were touched: %v, before %v", now, before)
		}
	})
	t.Run("leaves what was not there, and records nothing that it does not know", func(t *testing.T) {
		t.Parallel()
		r := y.newRecorded(t, "newer")
		r.record(t, "v1")
		labels := object{"com.docker.compose.project": "newer", "com.docker.compose.service": "queue", "com.docker.compose.oneoff": "False"}
		y.create(t, "newer-queue-1", object{"Image": "plain:v2", "Labels": labels})
		r.deploy(t, "plain:v2")
		queue := r.inspect(t, "newer-queue-1")["Id"]
		plan, err := r.step(t, nil).(actions.Planner).Plan(t.Context(), dockerCall(t, "v1"))
		if err != nil || !strings.Contains(plan.String(), "queue: not there when v1 was recorded, stays as it is") {
			t.Errorf("plan %s, %v", plan, err)
		}
		if out, err := r.step(t, nil).Do(t.Context(), dockerCall(t, "v1")); err != nil || r.inspect(t, "newer-queue-1")["Id"] != queue {
			t.Errorf("%v\n%s", err, out)
		}
		y.create(t, "newer-queue-2", object{"Image": "plain:v1", "Labels": labels})
		if s := r.sight(t, "v9"); s.Recordable() {
			t.Errorf("one service with two images would be recorded: %+v", s)
		}
	})
	t.Run("killed half-way, it is of one version when it was asked", func(t *testing.T) {
		t.Parallel()
		r := y.newRecorded(t, "halfway")
		r.record(t, "v1")
		v1 := r.images(t)
		r.deploy(t, "plain:v2")
		v2 := r.images(t)
		front := newFaultyProxy(t, y.host)
		front.failAt(9, "killed")
		through := func(s *docker.ProjectSettings) { s.Host = front.host }
		r.seen.all[0].Target = strings.Replace(r.seen.all[0].Target, y.host, front.host, 1)
		if _, err := r.step(t, through).Do(t.Context(), dockerCall(t, "v1")); err == nil || !front.failed() {
			t.Fatalf("it was not killed: %v", err)
		}
		front.repair()
		o, detail, err := r.step(t, through).Status(t.Context(), dockerCall(t, "v1"))
		want := map[actions.Outcome][]any{actions.Happened: v1, actions.NotHappened: v2}[o]
		if now := r.images(t); err != nil || !slices.Equal(now, want) {
			t.Errorf("asked: %s (%s), %v; runs %v", o, detail, err, now)
		}
	})
}

// What runs is held against the image that the template gives for the version.
func (y *dockerHost) testSight(t *testing.T) {
	t.Helper()
	name := y.plain(t, "plain:v2")
	step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "plain:{{.To}}" })
	for version, want := range map[string]actions.Fit{"v2": actions.Fits, "v1": actions.Differs, "v9": actions.Differs} {
		s, err := step.(actions.Sighted).Sight(t.Context(), dockerCall(t, version))
		if err != nil || len(s.Parts) != 1 || s.Parts[0].Fit != want || s.Parts[0].Runs != "plain:v2" || s.Parts[0].Should != "plain:"+version {
			t.Errorf("%s: %+v, %v", version, s, err)
		}
	}
	// The same image under another name, and one of which nothing is known.
	y.must(t, "POST", "/images/plain:v2/tag?repo=other&tag=v2", nil, nil)
	other := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "other:{{.To}}" })
	for version, want := range map[string]actions.Fit{"v2": actions.Fits, "v3": actions.NotKnown} {
		if s, err := other.(actions.Sighted).Sight(t.Context(), dockerCall(t, version)); err != nil || s.Parts[0].Fit != want {
			t.Errorf("other:%s: %+v, %v", version, s, err)
		}
	}
	gone := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, "nobody", "plain:{{.To}}" })
	if s, err := gone.(actions.Sighted).Sight(t.Context(), dockerCall(t, "v2")); err != nil || s.Parts[0].Fit != actions.Differs || s.Parts[0].Runs != "" {
		t.Errorf("a container that is gone: %+v, %v", s, err)
	}
	away := dockerStep(t, func(s *docker.Settings) {
		s.Host, s.Container, s.Image = "unix:///nowhere/docker.sock", name, "plain:{{.To}}"
	})
	if _, err := away.(actions.Sighted).Sight(t.Context(), dockerCall(t, "v1")); err == nil {
		t.Error("an engine that is away tells what runs")
	}
	fixed := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "plain:v1" })
	if _, can := actions.Sees(fixed); can {
		t.Error("an image that is always the same says what a version runs")
	}
	// The plan says what Do could not get.
	never := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "plain:{{.To}}" })
	if _, err := never.(actions.Planner).Plan(t.Context(), dockerCall(t, "v9")); err == nil || !strings.Contains(err.Error(), "plain:v9 is not there") {
		t.Errorf("plan with an image that is not there: %v", err)
	}
}
