package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// cluster is one namespace of a cluster.
type cluster struct {
	api       dynamic.Interface
	namespace string
}

// requestTimeout bounds one request, so that one which hangs is noticed before the step's time is over.
const requestTimeout = 20 * time.Second

// podNamespace is where a pod finds the namespace that it runs in.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// fieldManager is the name under which the cluster remembers which fields this step wrote.
const fieldManager = "guardian"

// connect reads the kubeconfig anew, because tokens in it are renewed, and opens no connection yet.
func (s *step) connect(data map[string]any) (*cluster, error) {
	config, namespace, err := s.config()
	if err != nil {
		return nil, err
	}
	rendered, err := s.namespace.Render(data)
	if err != nil {
		return nil, err
	}
	if rendered != "" {
		namespace = rendered
	}
	if err := validName("namespace", namespace); err != nil {
		return nil, err
	}
	config.UserAgent, config.Timeout, config.WarningHandler = s.env.UserAgent, requestTimeout, rest.NoWarnings{}
	config.QPS, config.Burst = 20, 40
	api, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, actions.Failure(reason.New("kubernetes_config", "error", err), err)
	}
	return &cluster{api: api, namespace: namespace}, nil
}

// config gives how the cluster is reached, and the namespace that is set there.
func (s *step) config() (*rest.Config, string, error) {
	if s.s.Kubeconfig == "" {
		return s.ownPod()
	}
	file, err := clientcmd.LoadFromFile(s.s.Kubeconfig)
	if err == nil {
		err = clientcmd.ResolveLocalPaths(file)
	}
	if err != nil {
		return nil, "", actions.Failure(reason.New("kubernetes_config", "error", err), err)
	}
	for _, user := range file.AuthInfos {
		s.local.Learn(secret.New(user.Token), secret.New(user.Password))
	}
	chosen := clientcmd.NewNonInteractiveClientConfig(*file, s.s.Context, &clientcmd.ConfigOverrides{}, nil)
	config, err := chosen.ClientConfig()
	if err != nil {
		return nil, "", actions.Failure(reason.New("kubernetes_config", "error", err), err)
	}
	if (config.ExecProvider != nil && !s.s.AllowExec) || config.AuthProvider != nil {
		return nil, "", actions.Failure(reason.New("kubernetes_exec"))
	}
	s.learnFile(config.BearerTokenFile)
	namespace, _, err := chosen.Namespace()
	if err != nil {
		return nil, "", actions.Failure(reason.New("kubernetes_config", "error", err), err)
	}
	return config, namespace, nil
}

// ownPod gives the service account of the pod that the guardian runs in.
func (s *step) ownPod() (*rest.Config, string, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, "", actions.Failure(reason.New("kubernetes_no_pod", "error", err), err)
	}
	s.local.Learn(secret.New(config.BearerToken))
	s.learnFile(config.BearerTokenFile)
	namespace, err := os.ReadFile(podNamespace)
	if err != nil {
		return nil, "", actions.Failure(reason.New("kubernetes_no_pod", "error", err), err)
	}
	return config, strings.TrimSpace(string(namespace)), nil
}

// learnFile makes what is in a token's file a secret. One that cannot be read is found again, and told,
// when the token is used.
func (s *step) learnFile(path string) {
	if path == "" {
		return
	}
	if token, err := os.ReadFile(path); err == nil {
		s.local.Learn(secret.New(strings.TrimSpace(string(token))))
	}
}

func (c *cluster) of(resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return c.api.Resource(resource).Namespace(c.namespace)
}

func (c *cluster) get(ctx context.Context, o object) (*unstructured.Unstructured, error) {
	obj, err := c.of(o.resource).Get(ctx, o.name, metav1.GetOptions{})
	return obj, c.fault("get", o, err)
}

// list gives the objects of a kind that have the labels; "" gives all.
func (c *cluster) list(ctx context.Context, resource schema.GroupVersionResource, labels string) ([]unstructured.Unstructured, error) {
	all, err := c.of(resource).List(ctx, metav1.ListOptions{LabelSelector: labels})
	if err != nil {
		return nil, c.fault("list", object{resource: resource}, err)
	}
	return all.Items, nil
}

// patch sends a JSON patch; with dryRun the API server tries it and keeps nothing.
func (c *cluster) patch(ctx context.Context, o object, ops []patchOp, dryRun bool) error {
	body, err := json.Marshal(ops)
	if err != nil {
		return actions.Failure(reason.New("kubernetes_config", "error", err), err)
	}
	options := metav1.PatchOptions{FieldManager: fieldManager}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = c.of(o.resource).Patch(ctx, o.name, types.JSONPatchType, body, options)
	if dryRun && err != nil && strings.Contains(err.Error(), "does not support dry run") {
		return nil
	}
	return c.fault("patch", o, err)
}

// fault puts an error of a request into words. A write whose answer does not say that it was refused
// may have happened.
func (c *cluster) fault(verb string, o object, err error) error {
	if err == nil {
		return nil
	}
	why := c.faultWords(verb, o, err)
	var status apierrors.APIStatus
	answered := errors.As(err, &status) && status.Status().Code >= 400 && status.Status().Code < http.StatusInternalServerError
	if verb == "patch" && !answered && !neverArrived(err) {
		return actions.Lost(why, err)
	}
	return actions.Failure(why, err)
}

func (c *cluster) faultWords(verb string, o object, err error) reason.Reason {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return reason.New("kubernetes_unreachable", "error", err)
	}
	message := status.Status().Message
	switch {
	case apierrors.IsForbidden(err) && !strings.Contains(message, "cannot "+verb): // a quota or an admission
		return reason.New("kubernetes_refused", "verb", verb, "object", o.words(), "message", message)
	case apierrors.IsForbidden(err):
		return reason.New("kubernetes_forbidden", "verb", verb, "resource", o.resource.GroupResource(), "namespace", c.namespace, "message", message)
	case apierrors.IsUnauthorized(err):
		return reason.New("kubernetes_unauthorized", "message", message)
	case apierrors.IsNotFound(err) && (status.Status().Details == nil || status.Status().Details.Name == ""):
		return reason.New("kubernetes_no_resource", "resource", o.resource.GroupResource(), "version", o.resource.Version)
	case apierrors.IsNotFound(err):
		return reason.New("kubernetes_not_found", "object", o, "namespace", c.namespace)
	default:
		return reason.New("kubernetes_refused", "verb", verb, "object", o.words(), "message", message)
	}
}

// words names an object, or all of its kind.
func (o object) words() string {
	if o.name == "" {
		return o.resource.Resource
	}
	return o.String()
}

// neverArrived tells whether a request cannot have reached the API server.
func neverArrived(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}
