package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// Settings is a step that re-creates a container, or all containers of a compose
// service, with another image. Everything that was set on the container is kept: name,
// ports, mounts, networks, environment, labels, restart policy, command. Its sidecars, which
// use its network, PID or IPC namespace, are re-created with it. The old ones are stopped and
// kept under other names until the new ones are healthy, and put back otherwise.
type Settings struct {
	Host            string            `yaml:"host" doc:"Address of the Docker Engine: unix:///path or tcp://host:port."`
	TLS             TLSFiles          `yaml:"tls" doc:"Certificates for a Docker Engine with TLS."`
	Container       string            `yaml:"container" doc:"The name of the container; a template."`
	Compose         *ComposeSettings  `yaml:"compose" doc:"A compose service, whose containers are all replaced, instead of one container."`
	Image           string            `yaml:"image" doc:"Image of the version to roll back to; a template such as shop:{{.To}}, or shop:{{tag .To}} for versions with characters that no tag has, such as +."`
	Pull            string            `yaml:"pull" doc:"When to pull the image: never, missing (if the engine does not have it) or always."`
	Registry        *RegistrySettings `yaml:"registry" doc:"Credentials for the registry."`
	HealthyDeadline model.Duration    `yaml:"healthy_deadline" doc:"Maximum time until the new container is healthy."`
	MinHealthyTime  model.Duration    `yaml:"min_healthy_time" doc:"How long a container without a health check must run to count as healthy."`
	StopTimeout     *model.Duration   `yaml:"stop_timeout" doc:"How long a container may take to stop before it is killed, in whole seconds; default: what is set on the container, or the engine's 10s."`
	AcceptLoss      []string          `yaml:"accept_loss" doc:"What may be lost when containers are re-created: paths of files that were written in a container and are in no volume, such as /etc/nginx/conf.d/*.conf, or /app/uploads/ for everything in a folder; names of sidecars that were started with --rm. Other losses stop the step before it changes anything."`
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

// Kind is the kind of these steps.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings {
		return &Settings{
			Host: "unix:///var/run/docker.sock", Pull: PullMissing,
			HealthyDeadline: model.Duration(2 * time.Minute), MinHealthyTime: model.Duration(10 * time.Second),
		}
	}, newStep)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

type step struct {
	s         Settings
	env       actions.Env
	local     secret.Redactor
	api       *engineAPI
	container actions.Template
	image     actions.Template
	project   string // of kind compose; "": kind docker
	images    map[string]actions.Template
}

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	fail := p.Fail
	d := &step{s: s, env: env, api: &engineAPI{host: s.Host, tls: s.TLS}}
	d.checkEngine(&p)
	d.container, d.image = p.Parse("container", s.Container), p.Parse("image", s.Image)
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
	if err := p.Err(); err != nil {
		return nil, err
	}
	return d, nil
}

// checkEngine checks what the settings of the kinds docker and compose have in common.
func (d *step) checkEngine(p *actions.Templates) {
	s, fail := d.s, p.Fail
	if s.Registry != nil {
		d.local.Learn(s.Registry.Password)
		d.api.auth = registryAuth(s.Registry.Username, s.Registry.Password.Reveal())
		d.local.Learn(secret.New(d.api.auth))
		if s.Registry.Username == "" || !s.Registry.Password.IsSet() {
			fail("registry: needs username and password")
		}
	}
	socket, unix := strings.CutPrefix(s.Host, "unix://")
	switch {
	case unix && !filepath.IsAbs(socket):
		fail("host: %q needs an absolute path, e.g. unix:///var/run/docker.sock", s.Host)
	case !unix && !strings.HasPrefix(s.Host, "tcp://"):
		fail("host: %q is neither unix:///path nor tcp://host:port", s.Host)
	case unix && s.TLS.set():
		fail("tls: is for tcp:// only")
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		fail("tls: cert and key go together")
	}
	if err := actions.OneOf("pull", s.Pull, PullNever, PullMissing, PullAlways); err != nil {
		p.Add(err)
	}
	if s.HealthyDeadline <= 0 || s.MinHealthyTime < 0 || s.StopTimeout != nil && *s.StopTimeout < 0 {
		fail("healthy_deadline must be more than zero, min_healthy_time and stop_timeout not negative")
	}
	if s.MinHealthyTime > s.HealthyDeadline {
		fail("min_healthy_time: is longer than healthy_deadline, so that no container without a health check could ever be considered healthy")
	}
	for i, loss := range s.AcceptLoss {
		if _, err := path.Match(loss, ""); err != nil || !strings.HasPrefix(loss, "/") && !containerName.MatchString(loss) {
			fail("accept_loss[%d]: %q is neither a path such as /app/uploads/ or /etc/nginx/conf.d/*.conf nor the name of a container", i, loss)
		}
	}
}

// containerName matches what the engine takes for the name of a container.
var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// Do re-creates the containers. The image is fetched before anything is stopped; the new
// containers are created before the old ones are stopped, so that settings which the engine
// refuses do no harm; and when anything fails after that, all old ones are put back.
func (d *step) Do(ctx context.Context, call actions.Call) (string, error) {
	var out actions.Clip
	err := d.do(ctx, call, &out)
	return out.Text(d.env.Redactor, &d.local), d.redactError(err)
}

func (d *step) do(ctx context.Context, call actions.Call, out io.Writer) error {
	data, err := call.Data()
	if err != nil {
		return err
	}
	all, err := d.replacements(ctx, call, data)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.begun() && !p.complete() {
			return actions.Lost(reason.New("docker_half_done", "container", p.name))
		}
	}
	if all = slices.DeleteFunc(all, (*replacement).complete); len(all) == 0 {
		_, _ = io.WriteString(out, "nothing to do: each container has its image, or was replaced under this intent already\n")
		return nil
	}
	if all, err = d.plan(ctx, all); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s\n", planned(all))
	if err := d.refuse(ctx, all); err != nil {
		return err
	}
	if err := d.fetchAll(ctx, all, out); err != nil {
		return err
	}
	if err := d.replace(ctx, swap{call: call, out: out}, all); err != nil {
		if lostLease(ctx) {
			return actions.Lost(reason.New("docker_lease_lost", "error", actions.ReasonOf(err)), err)
		}
		_, _ = fmt.Fprintf(out, "putting back what was before: %v\n", err)
		// Also when the time is over, and with time of its own: the service must not stay down.
		undoCtx, cancel := d.undoTime(ctx, all)
		defer cancel()
		if undoErr := d.undo(undoCtx, call, all, out); undoErr != nil {
			return actions.Lost(reason.New("docker_not_undone", "error", actions.ReasonOf(err), "undo", actions.ReasonOf(undoErr)), err, undoErr)
		}
		// Without err itself: even when the time was over, it is known what happened.
		return actions.Failure(reason.New("docker_undone", "error", actions.ReasonOf(err)))
	}
	d.removeOld(ctx, all, out)
	return nil
}

// removeOld removes the containers that were replaced. One that cannot be removed is no
// failure: the new ones are healthy.
func (d *step) removeOld(ctx context.Context, all []*replacement, out io.Writer) {
	for _, p := range slices.Backward(all) {
		if err := d.api.remove(ctx, p.current.ID); err != nil {
			_, _ = fmt.Fprintf(out, "%s: remove the old container: %v\n", p.name, err)
		}
	}
}

// fetchAll makes sure that the engine has all images, before anything is stopped.
func (d *step) fetchAll(ctx context.Context, all []*replacement, out io.Writer) error {
	fetched := map[string]image{}
	for _, p := range all {
		if !p.target {
			continue
		}
		img, ok := fetched[p.ref]
		if !ok {
			var err error
			if img, err = d.fetch(ctx, p.ref, out); err != nil {
				return err
			}
			fetched[p.ref] = img
		}
		p.next = img
	}
	return nil
}

// fetch makes sure that the engine has the image.
func (d *step) fetch(ctx context.Context, ref string, out io.Writer) (image, error) {
	img, err := d.api.image(ctx, ref)
	missing := errors.Is(err, errNoSuch)
	switch {
	case err != nil && !missing:
		return image{}, actions.Failure(reason.New("docker_image", "image", ref, "error", actions.ReasonOf(err)), err)
	case missing && d.s.Pull == PullNever:
		return image{}, actions.Failure(reason.New("docker_image_missing", "image", ref))
	case missing || d.s.Pull == PullAlways:
		_, _ = fmt.Fprintf(out, "pulling %s\n", ref)
		if err := d.api.pull(ctx, ref); err != nil {
			return image{}, actions.Failure(reason.New("docker_pull", "image", ref, "error", actions.ReasonOf(err)), err)
		}
		if img, err = d.api.image(ctx, ref); err != nil {
			return image{}, actions.Failure(reason.New("docker_image", "image", ref, "error", actions.ReasonOf(err)), err)
		}
	}
	return img, nil
}

// shown gives a reason as people may read it.
func (d *step) shown(why reason.Reason) reason.Reason {
	return why.Redact(func(text string) string { return actions.ClipText(text, d.env.Redactor, &d.local) })
}

// redactError takes everything out of an error that is secret in this step.
func (d *step) redactError(err error) error {
	return actions.RedactError(err, d.env.Redactor, &d.local)
}
