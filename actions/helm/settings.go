package helm

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/exec"
	"guardian/internal/secret"
)

// Settings is a step that rolls a Helm release back.
type Settings struct {
	Program    string                   `yaml:"program" doc:"The helm program, of Helm 3 or 4: a name in PATH, or an absolute path."`
	Release    string                   `yaml:"release" doc:"The release; a template."`
	Namespace  string                   `yaml:"namespace" doc:"The release's namespace; a template. Default: that of the context, or of the guardian's own pod."`
	Kubeconfig string                   `yaml:"kubeconfig" doc:"A kubeconfig file; default: ~/.kube/config of the guardian's user, or the service account of the guardian's own pod."`
	Context    string                   `yaml:"context" doc:"A context of the kubeconfig; default: its current one."`
	AllowExec  bool                     `yaml:"allow_exec" doc:"Let helm run the program that the kubeconfig names for credentials (exec)."`
	Version    string                   `yaml:"version" doc:"The version whose revision is put back; a template. Default: {{.To}}."`
	VersionIn  string                   `yaml:"version_in" doc:"Where a revision names its version: image (tag or digest of an image in the manifest), app_version or chart_version."`
	Container  string                   `yaml:"container" doc:"With version_in image: the container whose image names the version; default: any."`
	Wait       string                   `yaml:"wait" doc:"How helm waits until everything is ready: default (Helm 4 watches the objects, Helm 3 polls them) or legacy (Helm 4 polls, too, which needs no right to watch)."`
	Deadline   model.Duration           `yaml:"deadline" doc:"Maximum time for each hook and until everything is ready (helm's --timeout); afterwards the step has failed. Less than the step's timeout."`
	Inherit    []string                 `yaml:"inherit" doc:"Names of environment variables that are passed on from the guardian."`
	Env        map[string]string        `yaml:"env" doc:"Further environment variables, such as HELM_DRIVER; values are templates."`
	Secrets    map[string]secret.Secret `yaml:"secrets" doc:"Environment variables with secrets, such as HELM_DRIVER_SQL_CONNECTION_STRING."`
}

// Kind is the kind of step for actions/kinds.
func Kind() actions.Kind {
	return actions.Kind{
		Settings: func() any {
			return &Settings{
				Program: "helm", VersionIn: inImage, Wait: waitDefault, Deadline: model.Duration(4 * time.Minute),
				Inherit: []string{"PATH", "HOME", "LANG", "TZ", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"},
			}
		},
		Build: func(settings any, env actions.Env) (actions.Step, error) {
			s, ok := settings.(*Settings)
			if !ok {
				return nil, fmt.Errorf("helm: settings are a %T", settings)
			}
			return newStep(*s, env)
		},
	}
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

// The values of version_in and of wait.
const (
	inImage        = "image"
	inAppVersion   = "app_version"
	inChartVersion = "chart_version"

	waitDefault = "default"
	waitLegacy  = "legacy"
)

// grace is the time between SIGTERM and SIGKILL: helm ends at once, and cleans nothing up.
const grace = 5 * time.Second

// step rolls a release back.
type step struct {
	s       Settings
	env     actions.Env
	program *exec.Program

	release, namespace, version actions.Template

	begins time.Duration // how long a helm may take until the history shows what it began
}

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	if s.Version == "" {
		s.Version = "{{.To}}"
	}
	st := &step{
		s: s, env: env, begins: 10 * time.Second,
		release: p.Parse("release", s.Release), namespace: p.Parse("namespace", s.Namespace), version: p.Parse("version", s.Version),
	}
	if s.Release == "" {
		p.Fail("release: is missing")
	}
	if s.Kubeconfig != "" && !filepath.IsAbs(s.Kubeconfig) {
		p.Fail("kubeconfig: %q is not an absolute path", s.Kubeconfig)
	}
	if s.VersionIn != inImage && s.VersionIn != inAppVersion && s.VersionIn != inChartVersion {
		p.Fail("version_in: %q is none of %s, %s and %s", s.VersionIn, inImage, inAppVersion, inChartVersion)
	}
	if s.Container != "" && s.VersionIn != inImage {
		p.Fail("container: is for version_in %s", inImage)
	}
	if s.Wait != waitDefault && s.Wait != waitLegacy {
		p.Fail("wait: %q is neither %s nor %s", s.Wait, waitDefault, waitLegacy)
	}
	if s.Deadline < model.Duration(time.Second) {
		p.Fail("deadline: must be at least 1s")
	}
	p.Add(s.forbidden())
	if strings.ContainsAny(s.Program, " \t") && !filepath.IsAbs(s.Program) || s.Program == "" {
		p.Fail("program: %q is neither the name of a program nor an absolute path", s.Program)
	} else {
		var err error
		st.program, err = exec.NewProgram(exec.Settings{
			Command: []string{s.Program}, Inherit: s.Inherit, Env: s.environment(), Secrets: s.Secrets, Grace: model.Duration(grace),
		}, env)
		p.Add(err)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return st, nil
}

// environment is what the program gets beside what is inherited. A plugin of the user is no part of a rollback.
func (s *Settings) environment() map[string]string {
	env := map[string]string{"HELM_NO_PLUGINS": "1"}
	maps.Copy(env, s.Env)
	return env
}

// forbidden refuses variables by which helm would look at another cluster than the settings say.
func (s *Settings) forbidden() error {
	keys := map[string]string{"KUBECONFIG": "kubeconfig", "HELM_KUBECONTEXT": "context", "HELM_NAMESPACE": "namespace"}
	var errs []error
	for section, names := range map[string][]string{
		"inherit": s.Inherit, "env": slices.Sorted(maps.Keys(s.Env)), "secrets": slices.Sorted(maps.Keys(s.Secrets)),
	} {
		for _, name := range names {
			if key := keys[name]; key != "" {
				errs = append(errs, fmt.Errorf("%s: set %s instead of %s", section, key, name))
			}
		}
	}
	return errors.Join(errs...)
}
