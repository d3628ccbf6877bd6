package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"guardian/internal/versions"
)

// versionLabel is the label of pods that says their version, as Kubernetes recommends it.
const versionLabel = "app.kubernetes.io/version"

// revision is a pod template that a workload had, or has.
type revision struct {
	number      int64
	template    map[string]any
	notes       map[string]string // annotations of the ReplicaSet
	podLabels   string            // by which its pods are found
	hash        string            // the label that only its pods have
	fingerprint string
}

// revisionsOf gives what a workload had, oldest first.
func (w workloadKind) revisionsOf(ctx context.Context, c *cluster, obj *unstructured.Unstructured) ([]revision, error) {
	kept, err := c.list(ctx, w.revisions, selectorOf(obj))
	if err != nil {
		return nil, err
	}
	var all []revision
	for _, k := range kept {
		owned := slices.ContainsFunc(k.GetOwnerReferences(), func(o ownerReference) bool {
			return o.UID == obj.GetUID() && o.Controller != nil && *o.Controller
		})
		if r, ok := w.revisionOf(&k); ok && owned {
			r.podLabels = selectorOf(obj) + "," + r.podLabels
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b revision) int { return cmp.Compare(a.number, b.number) })
	return all, nil
}

// revisionOf reads a ReplicaSet or a ControllerRevision.
func (w workloadKind) revisionOf(k *unstructured.Unstructured) (revision, bool) {
	r := revision{notes: k.GetAnnotations()}
	hash := k.GetLabels()[w.hash]
	if w.number == "" {
		r.number = number(k, "revision")
		r.template, _, _ = unstructured.NestedMap(k.Object, "data", "spec", "template")
		delete(r.template, "$patch") // it says how the template would be merged
		if hash == "" {
			hash = k.GetName() // of a StatefulSet
		}
	} else {
		r.number, _ = strconv.ParseInt(r.notes[w.number], 10, 64)
		r.template, _, _ = unstructured.NestedMap(k.Object, "spec", "template")
		unstructured.RemoveNestedField(r.template, "metadata", "labels", w.hash)
	}
	r.hash, r.podLabels, r.fingerprint = hash, w.hash+"="+hash, fingerprintOf(r.template)
	return r, r.template != nil && r.number > 0
}

// choice is how a version is found in a pod template.
type choice struct{ container, annotation string }

// carries tells whether a revision is that of a version.
func (by choice) carries(r revision, version string) bool {
	metadata, _, _ := unstructured.NestedMap(r.template, "metadata")
	meta := unstructured.Unstructured{Object: map[string]any{"metadata": metadata}}
	if by.annotation != "" {
		return versions.Same(meta.GetAnnotations()[by.annotation], version) || versions.Same(r.notes[by.annotation], version)
	}
	if by.container == "" && versions.Same(meta.GetLabels()[versionLabel], version) {
		return true
	}
	return slices.ContainsFunc(r.images(by.container), func(image string) bool { return versions.OfImage(image, version) })
}

// images gives the images of a revision's containers, or of one of them.
func (r revision) images(container string) []string {
	var all []string
	containers, _, _ := unstructured.NestedSlice(r.template, "spec", "containers")
	for _, one := range containers {
		m, ok := one.(map[string]any)
		if !ok || container != "" && m["name"] != container {
			continue
		}
		if image, ok := m["image"].(string); ok {
			all = append(all, image)
		}
	}
	return all
}

// String names a revision for people.
func (r revision) String() string {
	return fmt.Sprintf("%d (%s)", r.number, strings.Join(r.images(""), ", "))
}

// named lists revisions for people, newest first, bounded.
func named(all []revision) []string {
	const most = 10
	var out []string
	for _, r := range slices.Backward(all) {
		if len(out) == most {
			break
		}
		out = append(out, r.String())
	}
	return out
}
