// Package kube gives tests a Kubernetes cluster: the real kube-apiserver and
// the real controllers of workloads and EndpointSlices on a real etcd, with a small stand-in for kubelet
// and scheduler, or what was recorded of them.
//
// The servers take minutes to build (make test-k8s), so that most runs play recordings: each test has a
// file with every request of the step and the cluster's answer, and what the test saw of the cluster. A
// recording names the versions; one that is not of the pinned versions fails its test, and so does a
// request that is not the recorded one.
//
// Only tests import it. Start at Start, and Cluster.Open.
package kube
