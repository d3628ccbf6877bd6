package kubernetes

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
)

// Settings is a step that changes one object of a Kubernetes cluster: exactly one of Undo, Switch and
// Scale.
type Settings struct {
	Kubeconfig string          `yaml:"kubeconfig" doc:"A kubeconfig file, read anew for each step; default: the service account of the guardian's own pod."`
	Context    string          `yaml:"context" doc:"A context of the kubeconfig; default: its current one."`
	AllowExec  bool            `yaml:"allow_exec" doc:"Run the program that the kubeconfig names for credentials (exec), as the guardian's user."`
	Namespace  string          `yaml:"namespace" doc:"The namespace; a template. Default: that of the context, or of the guardian's own pod."`
	Undo       *UndoSettings   `yaml:"undo" doc:"Give a workload the pod template of the revision that carried the version, as kubectl rollout undo does."`
	Switch     *SwitchSettings `yaml:"switch" doc:"Point a Service to other pods, as in blue/green deployments."`
	Scale      *ScaleSettings  `yaml:"scale" doc:"Set the number of a workload's pods."`
	Deadline   model.Duration  `yaml:"deadline" doc:"Maximum time until the cluster is done; afterwards the step has failed, with what was missing. Less than the step's timeout."`
}

// UndoSettings names a workload and the revision that it goes back to.
type UndoSettings struct {
	Workload   string `yaml:"workload" doc:"deployment/NAME, statefulset/NAME, daemonset/NAME, or rollout/NAME of Argo Rollouts; NAME is a template."`
	Version    string `yaml:"version" doc:"The version whose revision is put back; a template. Default: {{.To}}."`
	Container  string `yaml:"container" doc:"The container whose image has the version as its tag or digest; default: any, and the pods' label app.kubernetes.io/version."`
	Annotation string `yaml:"annotation" doc:"An annotation that has the version, of the pod template or the ReplicaSet, instead of images and labels."`
	Revision   string `yaml:"revision" doc:"The number of the revision, instead of version; a template."`
}

// SwitchSettings names a Service and what it shall select.
type SwitchSettings struct {
	Service  string            `yaml:"service" doc:"The Service; a template."`
	Selector map[string]string `yaml:"selector" doc:"Labels of the pods that get the traffic; values are templates. Other labels of the Service's selector stay."`
	MinReady int               `yaml:"min_ready" doc:"So many of these pods must be ready, or the step is refused; default: 1."`
}

// ScaleSettings names a workload and its number of pods.
type ScaleSettings struct {
	Workload string `yaml:"workload" doc:"deployment/NAME, statefulset/NAME, or rollout/NAME of Argo Rollouts; NAME is a template."`
	Replicas *int   `yaml:"replicas" doc:"The number of pods."`
}

// Kind is the kind of step for actions/kinds.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings { return &Settings{Deadline: model.Duration(4 * time.Minute)} }, newStep)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	st := &step{s: s, env: env, namespace: p.Parse("namespace", s.Namespace), every: time.Second}
	if s.Kubeconfig != "" && !filepath.IsAbs(s.Kubeconfig) {
		p.Fail("kubeconfig: %q is not an absolute path", s.Kubeconfig)
	}
	if s.Kubeconfig == "" && (s.Context != "" || s.AllowExec) {
		p.Fail("kubeconfig: is missing; context and allow_exec are about one")
	}
	if s.Deadline <= 0 {
		p.Fail("deadline: must be more than zero")
	}
	chosen := 0
	if s.Undo != nil {
		chosen, st.op = chosen+1, newUndo(*s.Undo, &p)
	}
	if s.Switch != nil {
		chosen, st.op = chosen+1, newSwitch(*s.Switch, &p)
	}
	if s.Scale != nil {
		chosen, st.op = chosen+1, newScale(*s.Scale, &p)
	}
	if chosen != 1 {
		p.Add(errors.New("choose one of undo, switch and scale"))
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return st, nil
}

// workloadRef is a workload of the configuration: its kind, and a template of its name.
type workloadRef struct {
	kind workloadKind
	name actions.Template
}

func parseWorkload(key, source string, p *actions.Templates) workloadRef {
	kind, name, ok := strings.Cut(source, "/")
	w := workloadRef{kind: workloadKinds()[strings.ToLower(kind)]}
	if !ok || name == "" || w.kind.resource.Empty() {
		p.Fail("%s: %q is none of deployment/NAME, statefulset/NAME, daemonset/NAME and rollout/NAME", key, source)
		return w
	}
	w.name = p.Parse(key, name)
	return w
}
