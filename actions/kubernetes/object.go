package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"guardian/actions"
	"guardian/internal/reason"
)

// Annotations of an object that a step changed.
const (
	intentKey  = "guardian.intent"  // the intent that changed it
	appliedKey = "guardian.applied" // fingerprint of the value that it gave
	causeKey   = "kubernetes.io/change-cause"
)

// patchOp is an operation of a JSON patch (RFC 6902).
type patchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patchOf writes the change and the intent at once, on the condition that the object is still the one
// that was read: the API server refuses another resourceVersion.
func (s *step) patchOf(now situation, c change) []patchOp {
	notes := maps.Clone(now.obj.GetAnnotations())
	if notes == nil {
		notes = map[string]string{}
	}
	notes[intentKey], notes[appliedKey] = now.call.Intent, fingerprintOf(c.value)
	if c.cause != "" {
		notes[causeKey] = c.cause
	}
	return []patchOp{
		{"replace", "/metadata/resourceVersion", now.obj.GetResourceVersion()},
		{"add", "/metadata/annotations", notes},
		{"add", "/" + strings.Join(s.op.path(), "/"), c.value},
	}
}

// fingerprint gives a short text that is the same for the same value of a field.
func fingerprint(obj *unstructured.Unstructured, path []string) string {
	value, _, _ := unstructured.NestedFieldNoCopy(obj.Object, path...)
	return fingerprintOf(value)
}

func fingerprintOf(value any) string {
	text, err := json.Marshal(withoutNulls(value))
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// withoutNulls leaves out fields that are null: the API server leaves them out at some places and
// not at others.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, one := range v {
			if one != nil {
				out[key] = withoutNulls(one)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = withoutNulls(one)
		}
		return out
	default:
		return value
	}
}

// lastWriter names the program that wrote a field of an object last.
func lastWriter(obj *unstructured.Unstructured, path []string) string {
	var last metav1.ManagedFieldsEntry
	for _, m := range obj.GetManagedFields() {
		if m.Time != nil && writes(m, path) && (last.Time == nil || !m.Time.Before(last.Time)) {
			last = m
		}
	}
	return last.Manager
}

// writes tells whether an entry is about a field: {"f:spec": {"f:template": …}}.
func writes(m metav1.ManagedFieldsEntry, path []string) bool {
	var fields map[string]any
	if m.FieldsV1 == nil || json.Unmarshal(m.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	for _, key := range path {
		below, ok := fields["f:"+key].(map[string]any)
		if !ok {
			return false
		}
		fields = below
	}
	return true
}

// writtenAt is when this step wrote the object, by the cluster's clock; zero when it did not.
func writtenAt(obj *unstructured.Unstructured) time.Time {
	for _, m := range obj.GetManagedFields() {
		if m.Manager == fieldManager && m.Subresource == "" && m.Time != nil {
			return m.Time.Time
		}
	}
	return time.Time{}
}

// owners tells which tool keeps an object as it is written elsewhere, and would undo the change.
func owners(obj *unstructured.Unstructured) []reason.Reason {
	labels, notes := obj.GetLabels(), obj.GetAnnotations()
	wrote := func(managers ...string) bool {
		return slices.ContainsFunc(obj.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return slices.Contains(managers, m.Manager) })
	}
	var out []reason.Reason
	switch {
	case notes["argocd.argoproj.io/tracking-id"] != "" || labels["argocd.argoproj.io/instance"] != "" || wrote("argocd-controller", "argocd-application-controller"):
		out = append(out, reason.New("kubernetes_gitops", "tool", "Argo CD"))
	case labels["kustomize.toolkit.fluxcd.io/name"] != "" || labels["helm.toolkit.fluxcd.io/name"] != "" || wrote("kustomize-controller", "helm-controller"):
		out = append(out, reason.New("kubernetes_gitops", "tool", "Flux"))
	}
	if release := notes["meta.helm.sh/release-name"]; release != "" {
		out = append(out, reason.New("kubernetes_helm", "release", release))
	}
	return out
}

// selectorOf gives the labels by which a workload selects its pods.
func selectorOf(obj *unstructured.Unstructured) string {
	raw, _, _ := unstructured.NestedMap(obj.Object, "spec", "selector")
	var labels metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &labels); err != nil {
		return metav1.FormatLabelSelector(nil)
	}
	return metav1.FormatLabelSelector(&labels)
}

// number reads a number of an object; what is missing is 0, as in the API.
func number(obj *unstructured.Unstructured, path ...string) int64 {
	n, _, _ := unstructured.NestedInt64(obj.Object, path...)
	return n
}

// text reads a text of an object.
func text(obj *unstructured.Unstructured, path ...string) string {
	s, _, _ := unstructured.NestedString(obj.Object, path...)
	return s
}

// validName refuses what is no name of an object before it is part of an address.
func validName(what, name string) error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return actions.Failure(reason.New("kubernetes_name", "what", what, "name", name))
	}
	return nil
}
