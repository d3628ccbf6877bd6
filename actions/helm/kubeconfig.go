package helm

import (
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// podToken is where a pod finds the token of its service account.
const podToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path

// credentials makes secrets of what helm reaches the cluster by, which an API server may repeat in an error.
// A kubeconfig that would run a program is refused unless that is allowed. It is read anew for each call,
// because tokens are renewed.
func (s *step) credentials() error {
	s.learnFile(podToken)
	path := s.s.Kubeconfig
	if path == "" {
		path = filepath.Join(os.Getenv("HOME"), clientcmd.RecommendedHomeDir, clientcmd.RecommendedFileName)
		if _, err := os.Stat(path); err != nil {
			return nil //nolint:nilerr // helm then takes the service account of the pod, or says that there is no cluster
		}
	}
	file, err := clientcmd.LoadFromFile(path)
	if err == nil {
		err = clientcmd.ResolveLocalPaths(file)
	}
	if err != nil {
		return actions.Failure(reason.New("kubernetes_config", "error", err), err)
	}
	for _, user := range file.AuthInfos {
		s.program.Learn(secret.New(user.Token), secret.New(user.Password))
		s.learnFile(user.TokenFile)
	}
	name := s.s.Context
	if name == "" {
		name = file.CurrentContext
	}
	if chosen := file.Contexts[name]; chosen != nil {
		if user := file.AuthInfos[chosen.AuthInfo]; user != nil && user.Exec != nil && !s.s.AllowExec {
			return actions.Failure(reason.New("kubernetes_exec"))
		}
	}
	return nil
}

// learnFile makes what is in a token's file a secret. One that cannot be read is told by helm.
func (s *step) learnFile(path string) {
	if path == "" {
		return
	}
	if token, err := os.ReadFile(path); err == nil {
		s.program.Learn(secret.New(strings.TrimSpace(string(token))))
	}
}
