package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
)

// DockerSettings is a step that re-creates a container, or all containers of a compose
// service, with another image. Everything that was set on the container is kept: name,
// ports, mounts, networks, environment, labels, restart policy, command. The old one is
// stopped and kept under another name until the new one is healthy, and put back otherwise.
type DockerSettings struct {
	Host      string            `yaml:"host" doc:"The Docker Engine: unix:///path or tcp://host:port."`
	TLS       TLSFiles          `yaml:"tls" doc:"Certificates for an engine that is reached over TLS."`
	Container string            `yaml:"container" doc:"The name of the container; a template."`
	Compose   *ComposeSettings  `yaml:"compose" doc:"The compose service whose containers are meant, instead of one container."`
	Image     string            `yaml:"image" doc:"The image of the version to put back; a template, e.g. shop:{{.To}}."`
	Pull      string            `yaml:"pull" doc:"Whether the image is fetched: never, missing (when the engine does not have it), or always."`
	Registry  *RegistrySettings `yaml:"registry" doc:"Who fetches the image, where the registry wants to know."`
	Within    model.Duration    `yaml:"healthy_deadline" doc:"How long the new container may take to become healthy."`
	Settle    model.Duration    `yaml:"min_healthy_time" doc:"How long a container without a health check must run to be taken for healthy."`
	Stop      model.Duration    `yaml:"stop_timeout" doc:"How long a container may take to stop before it is killed; whole seconds."`
}

// ComposeSettings names a service of a compose project.
type ComposeSettings struct {
	Project string `yaml:"project" doc:"The compose project."`
	Service string `yaml:"service" doc:"The service within the project."`
}

// RegistrySettings is an account of an image registry.
type RegistrySettings struct {
	Username string        `yaml:"username" doc:"The account's name."`
	Password secret.Secret `yaml:"password" doc:"The account's password or token."`
}

// TLSFiles names files in PEM; they are read when the engine is first reached.
type TLSFiles struct {
	CA   string `yaml:"ca" doc:"The file of the authority that signed the engine's certificate."`
	Cert string `yaml:"cert" doc:"The file of the certificate that the guardian shows."`
	Key  string `yaml:"key" doc:"The file of its key."`
}

// When an image is fetched.
const (
	PullNever   = "never"
	PullMissing = "missing"
	PullAlways  = "always"
)

func dockerKind() Kind {
	return Kind{
		Settings: func() any {
			return &DockerSettings{
				Host: "unix:///var/run/docker.sock", Pull: PullMissing,
				Within: model.Duration(2 * time.Minute), Settle: model.Duration(10 * time.Second), Stop: model.Duration(10 * time.Second),
			}
		},
		Build: func(settings any, env Env) (Step, error) {
			s, ok := settings.(*DockerSettings)
			if !ok {
				return nil, fmt.Errorf("docker: settings are a %T", settings)
			}
			return newDocker(*s, env)
		},
	}
}

// Validate joins every mistake.
func (s *DockerSettings) Validate() error {
	_, err := newDocker(*s, Env{})
	return err
}

type docker struct {
	s         DockerSettings
	env       Env
	local     secret.Redactor
	api       *engineAPI
	container text
	image     text
}

func newDocker(s DockerSettings, env Env) (*docker, error) {
	var p texts
	fail := func(format string, args ...any) { p.errs = append(p.errs, fmt.Errorf(format, args...)) }
	d := &docker{s: s, env: env, api: &engineAPI{host: s.Host, tls: s.TLS}}
	if s.Registry != nil {
		d.local.Learn(s.Registry.Password)
		d.api.auth = registryAuth(s.Registry.Username, s.Registry.Password.Reveal())
		d.local.Learn(secret.New(d.api.auth))
		if s.Registry.Username == "" || !s.Registry.Password.IsSet() {
			fail("registry: needs username and password")
		}
	}
	path, unix := strings.CutPrefix(s.Host, "unix://")
	switch {
	case unix && !filepath.IsAbs(path):
		fail("host: %q needs an absolute path, e.g. unix:///var/run/docker.sock", s.Host)
	case !unix && !strings.HasPrefix(s.Host, "tcp://"):
		fail("host: %q is neither unix:///path nor tcp://host:port", s.Host)
	case unix && s.TLS.set():
		fail("tls: is for tcp:// only")
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		fail("tls: cert and key go together")
	}
	d.container, d.image = p.parse("container", s.Container), p.parse("image", s.Image)
	if s.Image == "" {
		fail("image: is missing, e.g. shop:{{.To}}")
	}
	switch {
	case s.Container == "" && s.Compose == nil:
		fail("container: is missing; name a container, or a service under compose")
	case s.Container != "" && s.Compose != nil:
		fail("container: not together with compose; choose one")
	case s.Compose != nil && (s.Compose.Project == "" || s.Compose.Service == ""):
		fail("compose: needs project and service")
	}
	if err := oneOf("pull", s.Pull, PullNever, PullMissing, PullAlways); err != nil {
		p.errs = append(p.errs, err)
	}
	if s.Within <= 0 || s.Settle < 0 || s.Stop < 0 {
		fail("healthy_deadline must be more than zero, min_healthy_time and stop_timeout not negative")
	}
	if s.Settle > s.Within {
		fail("min_healthy_time: is longer than healthy_deadline, so that no container without a health check could ever be taken for healthy")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// Do re-creates the containers. The image is there before anything is stopped; a container
// is created before the one that it replaces is stopped, so that settings which the engine
// refuses cost nothing; and whatever fails after that puts all old ones back.
func (d *docker) Do(ctx context.Context, call Call) (string, error) {
	var out clip
	err := d.do(ctx, call, &out)
	return d.local.Redact(out.text(d.env.Redactor)), d.hide(err)
}

func (d *docker) do(ctx context.Context, call Call, out io.Writer) error {
	data, err := call.data()
	if err != nil {
		return err
	}
	ref, err := d.image.render(data)
	if err != nil {
		return err
	}
	places, err := d.places(ctx, call, data)
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.touched() && !p.over() {
			return fmt.Errorf("container %s is half-way through this very intent: %w", p.name, ErrUnclear)
		}
	}
	if places = slices.DeleteFunc(places, place.over); len(places) == 0 {
		_, _ = io.WriteString(out, "replaced under this intent already\n")
		return nil
	}
	if err := d.fit(places); err != nil {
		return err
	}
	img, err := d.fetch(ctx, ref, out)
	if err != nil {
		return err
	}
	if err := d.replace(ctx, call, places, ref, img, out); err != nil {
		if lostLease(ctx) {
			return fmt.Errorf("%w; whoever has the lease now finishes or undoes it: %w", err, ErrUnclear)
		}
		_, _ = fmt.Fprintf(out, "putting back what was before: %v\n", err)
		// Also when the time is over, and with time of its own: nobody is to be left without.
		undoCtx, cancel := d.undoTime(ctx, len(places))
		defer cancel()
		if undoErr := d.undo(undoCtx, call, places, out); undoErr != nil {
			return fmt.Errorf("%w; putting the old one back: %w: %w", err, undoErr, ErrUnclear)
		}
		return fmt.Errorf("%w; what ran before has been put back", flatError{err})
	}
	for _, p := range places {
		for _, n := range d.sharing(ctx, p.cur.ID) {
			_, _ = fmt.Fprintf(out, "%s uses the network of the %s that is gone; restart it\n", n, p.name)
		}
		// The new ones are healthy: an old one that cannot be removed is litter, not a failure.
		if err := d.api.remove(ctx, p.cur.ID); err != nil {
			_, _ = fmt.Fprintf(out, "%s: remove the old container: %v\n", p.name, err)
		}
	}
	return nil
}

// sharing names the containers that live in another one's network.
func (d *docker) sharing(ctx context.Context, id string) []string {
	names, err := d.api.sharing(ctx, id)
	if err != nil {
		return nil // it is a hint, no more
	}
	return names
}

// flatError keeps an error's text and not what it wraps: after an undo it is known what happened,
// also when the cause was that the time was over.
type flatError struct{ err error }

func (f flatError) Error() string { return f.err.Error() }

// fit refuses what could not be put back.
func (d *docker) fit(places []place) error {
	for _, p := range places {
		if p.cur == nil {
			return fmt.Errorf("there is no container %s", p.name)
		}
		if auto, _ := p.cur.HostConfig["AutoRemove"].(bool); auto {
			return fmt.Errorf("container %s was started with --rm: it would be gone once stopped, and could not be put back", p.name)
		}
		if p.cur.label("com.docker.swarm.service.id") != "" {
			return fmt.Errorf("container %s belongs to a swarm service, which would replace it again; roll the service back with an exec step: docker service update --rollback", p.name)
		}
	}
	return nil
}

// fetch makes sure that the engine has the image.
func (d *docker) fetch(ctx context.Context, ref string, out io.Writer) (image, error) {
	img, err := d.api.image(ctx, ref)
	missing := errors.Is(err, errNoSuch)
	switch {
	case err != nil && !missing:
		return image{}, fmt.Errorf("image %s: %w", ref, err)
	case missing && d.s.Pull == PullNever:
		return image{}, fmt.Errorf("image %s is not there, and pull is never; build or load it on the engine's machine", ref)
	case missing || d.s.Pull == PullAlways:
		_, _ = fmt.Fprintf(out, "pulling %s\n", ref)
		if err := d.api.pull(ctx, ref); err != nil {
			return image{}, fmt.Errorf("pull image %s: %w", ref, err)
		}
		if img, err = d.api.image(ctx, ref); err != nil {
			return image{}, fmt.Errorf("image %s: %w", ref, err)
		}
	}
	return img, nil
}

// replace creates the new containers and then, one after the other, lets each take its place.
func (d *docker) replace(ctx context.Context, call Call, places []place, ref string, img image, out io.Writer) error {
	fresh := make([]string, len(places))
	for i, p := range places {
		id, err := d.create(ctx, call, p, ref, img)
		if err != nil {
			return fmt.Errorf("create container %s: %w", p.name, err)
		}
		fresh[i] = id
	}
	for i, p := range places {
		places[i].stopping = true
		if err := d.api.stop(ctx, p.cur.ID, time.Duration(d.s.Stop)); err != nil {
			return fmt.Errorf("stop container %s: %w", p.name, err)
		}
		if err := d.api.rename(ctx, p.cur.ID, oldName(p.name, call.Intent)); err != nil {
			return fmt.Errorf("rename container %s: %w", p.name, err)
		}
		if err := d.api.rename(ctx, fresh[i], p.name); err != nil {
			return fmt.Errorf("rename the new container to %s: %w", p.name, err)
		}
		if err := d.api.start(ctx, fresh[i]); err != nil {
			return fmt.Errorf("start container %s: %w", p.name, err)
		}
		if err := d.healthy(ctx, fresh[i]); err != nil {
			d.tellLogs(ctx, fresh[i], out)
			return fmt.Errorf("container %s with image %s: %w", p.name, ref, err)
		}
		_, _ = fmt.Fprintf(out, "%s runs %s (%s)\n", p.name, ref, short(strings.TrimPrefix(img.ID, "sha256:")))
	}
	return nil
}

func (d *docker) create(ctx context.Context, call Call, p place, ref string, img image) (string, error) {
	old, err := d.api.image(ctx, p.cur.Image)
	if err != nil && !errors.Is(err, errNoSuch) {
		return "", err
	}
	labels := map[string]string{labelIntent: call.Intent, labelRun: call.Run.ID, labelRunning: fmt.Sprint(p.cur.State.Running || p.cur.State.Restarting)}
	config, join := recreate(*p.cur, old, ref, img, labels)
	id, err := d.api.create(ctx, newName(p.name, call.Intent), config)
	if err != nil {
		return "", err
	}
	for network, endpoint := range join {
		if err := d.api.join(ctx, network, id, endpoint); err != nil {
			return "", fmt.Errorf("join network %s: %w", network, err)
		}
	}
	return id, nil
}

// healthy waits until a container is: by its health check, or without one by running for
// Settle without a restart.
func (d *docker) healthy(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.s.Within))
	defer cancel()
	settled := time.NewTimer(time.Duration(d.s.Settle))
	defer settled.Stop()
	calm := false
	for {
		c, err := d.api.inspect(ctx, id)
		if err != nil && ctx.Err() == nil {
			return err
		}
		h := c.State.Health
		switch {
		case err != nil:
		case c.State.Restarting || c.RestartCount > 0:
			return fmt.Errorf("it does not stay up: exit status %d", c.State.ExitCode)
		case !c.State.Running:
			return fmt.Errorf("it is %s: exit status %d", c.State.Status, c.State.ExitCode)
		case h != nil && h.Status == "healthy":
			return nil
		case h != nil && h.Status == "unhealthy":
			return fmt.Errorf("its health check fails%s", lastHealth(c))
		case (h == nil || h.Status == "none") && calm:
			return nil
		}
		const look = 300 * time.Millisecond
		t := time.NewTimer(look)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("it was not healthy within %s%s", d.s.Within, lastHealth(c))
		case <-settled.C:
			calm = true // and one more inspection
		case <-t.C:
		}
		t.Stop()
	}
}

func lastHealth(c container) string {
	if c.State.Health == nil || len(c.State.Health.Log) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(c.State.Health.Log[len(c.State.Health.Log)-1].Output)
}

// tellLogs adds what the container wrote: after the undo it is gone.
func (d *docker) tellLogs(ctx context.Context, id string, out io.Writer) {
	c, err := d.api.inspect(ctx, id)
	if err != nil {
		return
	}
	if logs, err := d.api.logs(ctx, c, 50); err == nil && logs != "" {
		_, _ = fmt.Fprintf(out, "the last lines of %s:\n%s\n", c.name(), strings.TrimRight(logs, "\n"))
	}
}

func (d *docker) hide(err error) error { return d.local.Error(d.env.Redactor.Error(err)) }
