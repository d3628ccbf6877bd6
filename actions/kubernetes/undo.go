package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"guardian/actions"
	"guardian/internal/reason"
)

type ownerReference = metav1.OwnerReference

// undo gives a workload the pod template of a former revision.
type undo struct {
	workloadRef
	by       choice
	version  actions.Template
	revision actions.Template // zero: by the version
}

func newUndo(s UndoSettings, p *actions.Templates) *undo {
	u := &undo{workloadRef: parseWorkload("undo.workload", s.Workload, p), by: choice{s.Container, s.Annotation}}
	if s.Revision != "" && (s.Version != "" || s.Container != "" || s.Annotation != "") {
		p.Fail("undo.revision: not together with version, container or annotation; choose one")
	}
	if s.Container != "" && s.Annotation != "" {
		p.Fail("undo.annotation: not together with container; choose one")
	}
	if s.Revision != "" {
		u.revision = p.Parse("undo.revision", s.Revision)
		return u
	}
	if s.Version == "" {
		s.Version = "{{.To}}"
	}
	u.version = p.Parse("undo.version", s.Version)
	return u
}

func (u *undo) path() []string { return []string{"spec", "template"} }

func (u *undo) progress(ctx context.Context, c *cluster, obj *unstructured.Unstructured) (progress, error) {
	return u.progressOf(ctx, c, obj), nil
}

// plan finds the revision. It refuses what the cluster would not carry out, and what would overwrite
// a change that somebody else has made since.
func (u *undo) plan(ctx context.Context, c *cluster, now situation) (change, error) {
	planned := change{words: owners(now.obj)}
	if why := u.wouldNotRoll(now.obj); !why.IsZero() {
		return planned, actions.Failure(why)
	}
	all, err := u.kind.revisionsOf(ctx, c, now.obj)
	if err != nil {
		return planned, err
	}
	target, err := u.find(all, now)
	if err != nil {
		return planned, err
	}
	current := u.current(all, now.obj)
	name := object{u.kind.resource, now.obj.GetName()}
	from := now.call.Run.From
	switch {
	case target.fingerprint == current.fingerprint:
		return planned, actions.Failure(reason.New("kubernetes_runs_already", "object", name, "revision", target, "revisions", named(all)))
	case u.revision.IsZero() && from != "" && !u.by.carries(current, from):
		return planned, actions.Failure(reason.New("kubernetes_other_version", "object", name, "runs", current.images(u.by.container), "version", from, "by", lastWriter(now.obj, u.path())))
	}
	if err := u.healthy(ctx, c, target); err != nil {
		return planned, err
	}
	planned.value = target.template
	planned.cause = fmt.Sprintf("guardian: back to revision %d, run %s", target.number, now.call.Run.ID)
	planned.words = append([]reason.Reason{reason.New("kubernetes_plan_undo", "object", name, "from", current, "to", target, "pods", replicasOf(now.obj))}, planned.words...)
	planned.words = append(planned.words, u.stuck(ctx, c, now.obj)...)
	return planned, nil
}

// current gives the revision that a workload has now; one without a number is not among those that are kept yet.
func (u *undo) current(all []revision, obj *unstructured.Unstructured) revision {
	template, _, _ := unstructured.NestedMap(obj.Object, u.path()...)
	now := revision{template: template, fingerprint: fingerprintOf(template)}
	// The API server fills in what a ReplicaSet leaves out, and not what a Rollout does: they differ.
	hash := text(obj, "status", "currentPodHash")
	if hash != "" && rolloutUnseen(obj) {
		hash = ""
	}
	for _, r := range all {
		if r.fingerprint == now.fingerprint || hash != "" && r.hash == hash {
			return r
		}
	}
	return now
}

// wouldNotRoll tells why a new template would not reach the workload's pods.
func (u *undo) wouldNotRoll(obj *unstructured.Unstructured) reason.Reason {
	name := object{u.kind.resource, obj.GetName()}
	paused, _, _ := unstructured.NestedBool(obj.Object, "spec", "paused")
	partition := number(obj, "spec", "updateStrategy", "rollingUpdate", "partition")
	switch {
	case paused:
		return reason.New("kubernetes_paused", "object", name)
	case text(obj, "spec", "updateStrategy", "type") == "OnDelete":
		return reason.New("kubernetes_on_delete", "object", name)
	case partition > 0:
		return reason.New("kubernetes_partition", "object", name, "partition", partition)
	case text(obj, "spec", "workloadRef", "name") != "":
		return reason.New("kubernetes_workload_ref", "object", name, "kind", text(obj, "spec", "workloadRef", "kind"), "name", text(obj, "spec", "workloadRef", "name"))
	}
	return reason.Reason{}
}

// find gives the newest revision with the version, or the one with the number.
func (u *undo) find(all []revision, now situation) (revision, error) {
	name := object{u.kind.resource, now.obj.GetName()}
	wanted, matches := u.version, func(r revision, text string) bool { return u.by.carries(r, text) }
	if !u.revision.IsZero() {
		wanted, matches = u.revision, func(r revision, text string) bool { return strconv.FormatInt(r.number, 10) == text }
	}
	value, err := wanted.Render(now.data)
	if err != nil {
		return revision{}, err
	}
	for _, r := range slices.Backward(all) {
		if value != "" && matches(r, value) {
			return r, nil
		}
	}
	return revision{}, actions.Failure(reason.New("kubernetes_no_revision", "object", name, "wanted", value, "revisions", named(all)))
}

// healthy refuses a revision that has pods of which none is ready. One that is not, or is being
// deleted, is usual in the midst of an update.
func (u *undo) healthy(ctx context.Context, c *cluster, target revision) error {
	pods, err := c.pods(ctx, target.podLabels)
	if err != nil {
		return err
	}
	var sick []pod
	for _, p := range pods {
		switch {
		case p.ready:
			return nil
		case !p.leaving:
			sick = append(sick, p)
		}
	}
	if len(sick) > 0 {
		return actions.Failure(reason.New("kubernetes_unhealthy", "revision", target, "pod", sick[0].name, "state", sick[0].trouble))
	}
	return nil
}

// stuck tells of pods of a StatefulSet that its controller waits for before it replaces any.
func (u *undo) stuck(ctx context.Context, c *cluster, obj *unstructured.Unstructured) []reason.Reason {
	if u.kind.kind != "StatefulSet" || text(obj, "spec", "podManagementPolicy") == "Parallel" {
		return nil
	}
	pods, err := c.pods(ctx, selectorOf(obj))
	if err != nil {
		return nil
	}
	for _, p := range pods {
		if !p.ready {
			return []reason.Reason{reason.New("kubernetes_stuck", "pod", p.name)}
		}
	}
	return nil
}
