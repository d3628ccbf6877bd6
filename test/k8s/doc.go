// Package k8s is a module of its own: it pins the Kubernetes servers that the tests of steps run
// against, so that nothing else depends on them. They are kube-apiserver, and in controllers the
// controllers of kube-controller-manager that the tests need. make test-k8s builds them. The replace
// directives name the modules that k8s.io/kubernetes takes from its own folder.
package k8s
