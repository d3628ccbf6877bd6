// Package kubernetes is the kind of step that changes one object of a Kubernetes cluster: it undoes
// the update of a workload, switches a Service to other pods, or scales a workload.
//
// The step reads the object, decides the change, and sends it as one patch together with its intent
// as an annotation, on the condition that the object is still the one that was read. So the object
// itself tells later whether the step happened. Then the step waits until the cluster is done.
//
// It decides no version: that is in the call. It keeps nothing between two calls, and talks to the
// cluster through client-go's dynamic client, which needs no type of each API. Start at step.Do; what
// differs between the changes is behind operation.
package kubernetes
