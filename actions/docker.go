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

	"guardian/internal/reason"
	"guardian/internal/secret"
)

// DockerSettings is a step that re-creates a container, or all containers of a compose
// service, with another image. Everything that was set on the container is kept: name,
// ports, mounts, networks, environment, labels, restart policy, command. The old one is
// stopped and kept under another name until the new one is healthy, and put back otherwise.
type DockerSettings struct {
	Host            string            `yaml:"host" doc:"Address of the Docker Engine: unix:///path or tcp://host:port."`
	TLS             TLSFiles          `yaml:"tls" doc:"Certificates for a Docker Engine with TLS."`
	Container       string            `yaml:"container" doc:"The name of the container; a template."`
	Compose         *ComposeSettings  `yaml:"compose" doc:"A compose service, whose containers are all replaced, instead of one container."`
	Image           string            `yaml:"image" doc:"Image of the version to roll back to; a template such as shop:{{.To}}, or shop:{{tag .To}} for versions with characters that no tag has, such as +."`
	Pull            string            `yaml:"pull" doc:"When to pull the image: never, missing (if the engine does not have it) or always."`
	Registry        *RegistrySettings `yaml:"registry" doc:"Credentials for the registry."`
	HealthyDeadline model.Duration    `yaml:"healthy_deadline" doc:"Maximum time until the new container is healthy."`
	MinHealthyTime  model.Duration    `yaml:"min_healthy_time" doc:"How long a container without a health check must run to count as healthy."`
	StopTimeout     model.Duration    `yaml:"stop_timeout" doc:"How long a container may take to stop before it is killed, in whole seconds."`
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
	CA   string `yaml:"ca" doc:"PEM file of the authority that signed the engine's certificate."`
	Cert string `yaml:"cert" doc:"PEM file of the client certificate."`
	Key  string `yaml:"key" doc:"PEM file of the client certificate's key."`
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
				HealthyDeadline: model.Duration(2 * time.Minute), MinHealthyTime: model.Duration(10 * time.Second), StopTimeout: model.Duration(10 * time.Second),
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
	if s.HealthyDeadline <= 0 || s.MinHealthyTime < 0 || s.StopTimeout < 0 {
		fail("healthy_deadline must be more than zero, min_healthy_time and stop_timeout not negative")
	}
	if s.MinHealthyTime > s.HealthyDeadline {
		fail("min_healthy_time: is longer than healthy_deadline, so that no container without a health check could ever be considered healthy")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// Do re-creates the containers. The image is fetched before anything is stopped; the new
// containers are created before the old ones are stopped, so that settings which the engine
// refuses do no harm; and when anything fails after that, all old ones are put back.
func (d *docker) Do(ctx context.Context, call Call) (string, error) {
	var out clip
	err := d.do(ctx, call, &out)
	return d.local.Redact(out.text(d.env.Redactor)), d.redactError(err)
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
	all, err := d.replacements(ctx, call, data)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.begun() && !p.complete() {
			return unclear(reason.New("docker_half_done", "container", p.name))
		}
	}
	if all = slices.DeleteFunc(all, replacement.complete); len(all) == 0 {
		_, _ = io.WriteString(out, "replaced under this intent already\n")
		return nil
	}
	if err := checkReplaceable(all); err != nil {
		return err
	}
	img, err := d.fetch(ctx, ref, out)
	if err != nil {
		return err
	}
	if err := d.replace(ctx, swap{call, img, out}, all); err != nil {
		if lostLease(ctx) {
			return unclear(reason.New("docker_lease_lost", "error", reasonOf(err)), err)
		}
		_, _ = fmt.Fprintf(out, "putting back what was before: %v\n", err)
		// Also when the time is over, and with time of its own: the service must not stay down.
		undoCtx, cancel := d.undoTime(ctx, len(all))
		defer cancel()
		if undoErr := d.undo(undoCtx, call, all, out); undoErr != nil {
			return unclear(reason.New("docker_not_undone", "error", reasonOf(err), "undo", reasonOf(undoErr)), err, undoErr)
		}
		// Without err itself: even when the time was over, it is known what happened.
		return failed(reason.New("docker_undone", "error", reasonOf(err)))
	}
	d.removeOld(ctx, all, out)
	return nil
}

// removeOld removes the containers that were replaced. One that cannot be removed is no
// failure: the new ones are healthy.
func (d *docker) removeOld(ctx context.Context, all []replacement, out io.Writer) {
	for _, p := range all {
		// Only a hint: without an answer there is none.
		if names, err := d.api.sharing(ctx, p.current.ID); err == nil {
			for _, n := range names {
				_, _ = fmt.Fprintf(out, "%s uses the network of the %s that is gone; restart it\n", n, p.name)
			}
		}
		if err := d.api.remove(ctx, p.current.ID); err != nil {
			_, _ = fmt.Fprintf(out, "%s: remove the old container: %v\n", p.name, err)
		}
	}
}

// checkReplaceable refuses containers that could not be put back.
func checkReplaceable(all []replacement) error {
	for _, p := range all {
		if p.current == nil {
			return failed(reason.New("docker_no_container", "container", p.name))
		}
		if auto, _ := p.current.HostConfig["AutoRemove"].(bool); auto {
			return failed(reason.New("docker_auto_remove", "container", p.name))
		}
		if p.current.label("com.docker.swarm.service.id") != "" {
			return failed(reason.New("docker_swarm", "container", p.name))
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
		return image{}, failed(reason.New("docker_image", "image", ref, "error", reasonOf(err)), err)
	case missing && d.s.Pull == PullNever:
		return image{}, failed(reason.New("docker_image_missing", "image", ref))
	case missing || d.s.Pull == PullAlways:
		_, _ = fmt.Fprintf(out, "pulling %s\n", ref)
		if err := d.api.pull(ctx, ref); err != nil {
			return image{}, failed(reason.New("docker_pull", "image", ref, "error", reasonOf(err)), err)
		}
		if img, err = d.api.image(ctx, ref); err != nil {
			return image{}, failed(reason.New("docker_image", "image", ref, "error", reasonOf(err)), err)
		}
	}
	return img, nil
}

// swap is what all replacements of one Do have in common.
type swap struct {
	call  Call
	image image
	out   io.Writer
}

// replace creates the new containers and then swaps them in, one after the other.
func (d *docker) replace(ctx context.Context, s swap, all []replacement) error {
	fresh := make([]string, len(all))
	for i, p := range all {
		id, err := d.create(ctx, s, p)
		if err != nil {
			return failed(reason.New("docker_create", "container", p.name, "error", reasonOf(err)), err)
		}
		fresh[i] = id
	}
	for i, p := range all {
		all[i].stopping = true
		if err := d.stop(ctx, p.current); err != nil {
			return err
		}
		if err := d.rename(ctx, p.current.ID, p.name, oldName(p.name, s.call.Intent)); err != nil {
			return err
		}
		if err := d.rename(ctx, fresh[i], newName(p.name, s.call.Intent), p.name); err != nil {
			return err
		}
		if err := d.start(ctx, fresh[i], p.name); err != nil {
			return err
		}
		if err := d.healthy(ctx, fresh[i]); err != nil {
			d.printLogs(ctx, fresh[i], s.out)
			return failed(reason.New("docker_unhealthy", "container", p.name, "image", s.image.ref, "error", reasonOf(err)), err)
		}
		_, _ = fmt.Fprintf(s.out, "%s runs %s (%s)\n", p.name, s.image.ref, short(strings.TrimPrefix(s.image.ID, "sha256:")))
	}
	return nil
}

// rename gives a container another name.
func (d *docker) rename(ctx context.Context, id, from, to string) error {
	if err := d.api.rename(ctx, id, to); err != nil {
		return failed(reason.New("docker_rename", "container", from, "name", to, "error", reasonOf(err)), err)
	}
	return nil
}

func (d *docker) create(ctx context.Context, s swap, p replacement) (string, error) {
	old, err := d.api.image(ctx, p.current.Image)
	if err != nil && !errors.Is(err, errNoSuch) {
		return "", err
	}
	labels := map[string]string{
		labelIntent: s.call.Intent, labelRun: s.call.Run.ID,
		labelRunning: fmt.Sprint(p.current.State.Running || p.current.State.Restarting),
	}
	config, join := recreate(*p.current, old, s.image, labels)
	id, err := d.api.create(ctx, newName(p.name, s.call.Intent), config)
	if err != nil {
		return "", err
	}
	for network, endpoint := range join {
		if err := d.api.join(ctx, network, id, endpoint); err != nil {
			return "", failed(reason.New("docker_join", "network", network, "error", reasonOf(err)), err)
		}
	}
	return id, nil
}

// healthy waits until a container is healthy: by its health check, or without one when it has
// run for MinHealthyTime without a restart.
func (d *docker) healthy(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.s.HealthyDeadline))
	defer cancel()
	minimum := time.NewTimer(time.Duration(d.s.MinHealthyTime))
	defer minimum.Stop()
	longEnough := false
	for {
		c, err := d.api.inspect(ctx, id)
		if err != nil && ctx.Err() == nil {
			return err
		}
		h := c.State.Health
		switch {
		case err != nil:
		case c.State.Restarting || c.RestartCount > 0:
			return failed(reason.New("docker_restarts", "status", c.State.ExitCode))
		case !c.State.Running:
			return failed(reason.New("docker_exited", "state", c.State.Status, "status", c.State.ExitCode))
		case h != nil && h.Status == "healthy":
			return nil
		case h != nil && h.Status == "unhealthy":
			return failed(reason.New("docker_health_check", "output", lastHealth(c)))
		case (h == nil || h.Status == "none") && longEnough:
			return nil
		}
		const look = 300 * time.Millisecond
		t := time.NewTimer(look)
		select {
		case <-ctx.Done():
			t.Stop()
			return failed(reason.New("docker_health_timeout", "within", time.Duration(d.s.HealthyDeadline), "output", lastHealth(c)))
		case <-minimum.C:
			longEnough = true // after one more inspection
		case <-t.C:
		}
		t.Stop()
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
func (d *docker) printLogs(ctx context.Context, id string, out io.Writer) {
	c, err := d.api.inspect(ctx, id)
	if err != nil {
		return
	}
	if logs, err := d.api.logs(ctx, c, 50); err == nil && logs != "" {
		_, _ = fmt.Fprintf(out, "the last lines of %s:\n%s\n", c.name(), strings.TrimRight(logs, "\n"))
	}
}

// redactError takes everything out of an error that is secret in this step.
func (d *docker) redactError(err error) error { return redactError(err, d.env.Redactor, &d.local) }
