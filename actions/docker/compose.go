package docker

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/reason"
)

// The labels by which Docker Compose finds its containers.
const (
	labelProject   = "com.docker.compose.project"
	labelService   = "com.docker.compose.service"
	labelDependsOn = "com.docker.compose.depends_on"
)

// ProjectSettings is a step that takes several services of a compose project back as a whole: in the
// order of depends_on, each when those before it are healthy, and all or none.
type ProjectSettings struct {
	Host            string            `yaml:"host" doc:"Address of the Docker Engine: unix:///path or tcp://host:port."`
	TLS             TLSFiles          `yaml:"tls" doc:"Certificates for a Docker Engine with TLS."`
	Project         string            `yaml:"project" doc:"The compose project."`
	Images          map[string]string `yaml:"images" doc:"Image of each service that is rolled back, by the service's name; templates such as shop-web:{{.To}}. Services that run that image already, and services that are not listed, stay as they are. Without images every service goes back to the image that it was seen with while the version ran, which is recorded when a deploy has had its verdict."`
	Pull            string            `yaml:"pull" doc:"When to pull images: never, missing (if the engine does not have one) or always."`
	Registry        *RegistrySettings `yaml:"registry" doc:"Credentials for the registry."`
	HealthyDeadline model.Duration    `yaml:"healthy_deadline" doc:"Maximum time until the new containers of one service are healthy."`
	MinHealthyTime  model.Duration    `yaml:"min_healthy_time" doc:"How long a container without a health check must run to count as healthy."`
	StopTimeout     *model.Duration   `yaml:"stop_timeout" doc:"How long a container may take to stop before it is killed, in whole seconds; default: what is set on the container, or the engine's 10s."`
	AcceptLoss      []string          `yaml:"accept_loss" doc:"What may be lost when containers are re-created, as in a step of kind docker."`
}

// Compose is the kind compose.
func Compose() actions.Kind {
	return actions.NewKind(func() *ProjectSettings {
		return &ProjectSettings{
			Host: "unix:///var/run/docker.sock", Pull: PullMissing,
			HealthyDeadline: model.Duration(2 * time.Minute), MinHealthyTime: model.Duration(10 * time.Second),
		}
	}, newProject)
}

// Validate joins every mistake.
func (s *ProjectSettings) Validate() error {
	_, err := newProject(*s, actions.Env{})
	return err
}

func newProject(s ProjectSettings, env actions.Env) (*step, error) {
	var p actions.Templates
	engine := Settings{
		Host: s.Host, TLS: s.TLS, Pull: s.Pull, Registry: s.Registry, HealthyDeadline: s.HealthyDeadline,
		MinHealthyTime: s.MinHealthyTime, StopTimeout: s.StopTimeout, AcceptLoss: s.AcceptLoss,
	}
	d := &step{s: engine, env: env, api: &engineAPI{host: s.Host, tls: s.TLS}, project: s.Project, images: map[string]actions.Template{}}
	d.checkEngine(&p)
	if s.Project == "" {
		p.Fail("project: is missing; docker compose ls shows the names")
	}
	for _, service := range slices.Sorted(maps.Keys(s.Images)) {
		if s.Images[service] == "" {
			p.Fail("images.%s: is missing, such as shop-%s:{{.To}}", service, service)
		}
		d.images[service] = p.Parse("images."+service, s.Images[service])
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return d, nil
}

// NeedsVersion implements actions.Versioned: without images the version says what was recorded.
func (s *ProjectSettings) NeedsVersion() string {
	if len(s.Images) > 0 {
		return ""
	}
	return "the images that were recorded with a version"
}

// Misfit implements actions.Fitting: each image must be the name of one.
func (s *ProjectSettings) Misfit(c actions.Call) reason.Reason {
	for _, service := range slices.Sorted(maps.Keys(s.Images)) {
		if why := (&Settings{Image: s.Images[service]}).Misfit(c); !why.IsZero() {
			return why
		}
	}
	return reason.Reason{}
}

// projectTargets gives the containers of the services, each with its image. A service without a
// container is an error: the project would be taken back by half.
func (d *step) projectTargets(ctx context.Context, data map[string]any) (map[string]string, error) {
	targets := map[string]string{}
	for _, service := range slices.Sorted(maps.Keys(d.images)) {
		ref, err := d.images[service].Render(data)
		if err != nil {
			return nil, err
		}
		own, err := d.serviceTargets(ctx, serviceImage{d.project, service, ref})
		if err != nil {
			return nil, err
		}
		if len(own) == 0 {
			return nil, actions.Failure(reason.New("docker_no_compose", "project", d.project, "service", service))
		}
		maps.Copy(targets, own)
	}
	return targets, nil
}

// runs tells whether a container has its image already, and nothing is wrong with it.
func (d *step) runs(ctx context.Context, p *replacement) bool {
	if p.current == nil || p.current.was() == wasFailing || p.current.was() == wasCrashed {
		return false
	}
	img, err := d.api.image(ctx, p.ref)
	return err == nil && img.ID == p.current.Image
}

// servicesBefore are the services of the compose project that a container's service depends on, from
// a label such as "db:service_healthy:false,cache:service_started:true".
func (c container) servicesBefore() []string {
	var all []string
	for entry := range strings.SplitSeq(c.label(labelDependsOn), ",") {
		if service, _, _ := strings.Cut(entry, ":"); service != "" {
			all = append(all, service)
		}
	}
	return all
}
