package kube

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// Server is the API server as one test's step sees it: in front of the real one, or of a recording.
type Server struct {
	URL string
	// Namespace is the test's own.
	Namespace string

	c    *Cluster
	t    *testing.T
	tape *tape

	mu     sync.Mutex
	refuse bool
	before func() // before the next patch
	after  func() // after it
	lose   bool   // the answer to the next patch
}

// Open gives a test its API server and an empty namespace.
func (c *Cluster) Open(t *testing.T, namespace string) *Server {
	t.Helper()
	s := &Server{c: c, t: t, tape: c.tape(t), Namespace: namespace}
	front := httptest.NewTLSServer(s) // client-go sends credentials to https only
	t.Cleanup(front.Close)
	s.URL = front.URL
	s.Create("/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}})
	return s
}

// Kubeconfig writes a kubeconfig with a token, and gives its path.
func (s *Server) Kubeconfig(token string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "kubeconfig")
	write(s.t, path, kubeconfig(s.URL, token))
	return path
}

// Straight writes a kubeconfig that leads to the API server itself, for programs that watch, and gives its
// path. Where recordings are played there is none, and the address leads nowhere.
func (s *Server) Straight(token string) string {
	s.t.Helper()
	address := "https://127.0.0.1:1"
	if s.c.Live() {
		address = s.c.servers.address
	}
	path := filepath.Join(s.t.TempDir(), "kubeconfig")
	write(s.t, path, kubeconfig(address, token))
	return path
}

// Sicken makes the test's pods with an image crash, until the function that it gives is called.
func (s *Server) Sicken(image string) (heal func()) {
	if !s.c.Live() {
		return func() {}
	}
	sick, key := &s.c.servers.kubelet.sick, s.Namespace+"/"+image
	sick.Store(key, true)
	return func() { sick.Delete(key) }
}

// Refuse makes the API server refuse everything from now on, with an answer that repeats what it was sent.
func (s *Server) Refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = true
}

// BeforePatch lets something happen between what the step reads and what it writes.
func (s *Server) BeforePatch(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = do
}

// AfterPatch lets something happen when the step's next patch was answered.
func (s *Server) AfterPatch(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = do
}

// LoseAnswer lets the step never hear of its next patch.
func (s *Server) LoseAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = true
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	refuse, before, after, lose := s.refuse, func() {}, func() {}, false
	if write := r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") == ""; write && !refuse {
		if s.before != nil {
			before = s.before
		}
		if s.after != nil {
			after = s.after
		}
		lose, s.before, s.after, s.lose = s.lose, nil, nil, false
	}
	s.mu.Unlock()
	before()
	status, answer := http.StatusForbidden, refusal(r, body)
	if !refuse {
		status, answer = s.answer(r, body)
	}
	after()
	if lose {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// refusal repeats the request.
func refusal(r *http.Request, body []byte) []byte {
	text, _ := json.Marshal(object{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": http.StatusForbidden,
		"message": fmt.Sprintf("refused: %s %s %v %s", r.Method, r.URL, r.Header, body),
	})
	return text
}

// answer asks the real API server, or the recording.
func (s *Server) answer(r *http.Request, body []byte) (int, []byte) {
	if !s.c.Live() {
		e, wrong := s.tape.play(requestOf(r), body)
		if wrong != "" {
			s.t.Errorf("%s; run make test-k8s RECORD=1", wrong)
			return http.StatusTeapot, []byte(`{"kind":"Status","code":418}`)
		}
		return e.Status, e.Answer
	}
	status, answer, err := s.forward(r, body)
	if err != nil {
		if r.Context().Err() == nil { // the step still waits for it
			s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		return http.StatusBadGateway, nil
	}
	if !s.c.o.Apart {
		s.tape.add(exchange{requestOf(r), body, status, answer})
	}
	return status, answer
}

func (s *Server) forward(r *http.Request, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, s.c.servers.address+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	resp, err := s.c.servers.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// Create makes an object as the cluster's administrator. What is there already stays.
func (s *Server) Create(path string, obj any) {
	s.t.Helper()
	s.write("POST", path, "application/json", obj)
}

// Patch merges into an object as the cluster's administrator.
func (s *Server) Patch(path string, change any) {
	s.t.Helper()
	s.write("PATCH", path, "application/merge-patch+json", change)
}

// Delete deletes an object.
func (s *Server) Delete(path string) {
	s.t.Helper()
	s.write("DELETE", path, "", nil)
}

func (s *Server) write(method, path, kind string, body any) {
	s.t.Helper()
	if !s.c.Live() {
		return
	}
	status, answer, err := s.c.servers.do(method, path, kind, body)
	if err != nil || status >= 300 && status != http.StatusConflict {
		s.t.Fatalf("%s %s: %d, %v\n%s", method, path, status, err, answer)
	}
}

// Read reads an object as the cluster's administrator.
func (s *Server) Read(path string, into any) {
	s.t.Helper()
	var body []byte
	if s.c.Live() {
		body = s.await(path, into, func() bool { return true })
	}
	s.decode(s.tape.saw(s.t, body), into)
}

// Await reads an object into a value until done says so. A recording has waited: it is left alone.
func (s *Server) Await(path string, into any, done func() bool) {
	s.t.Helper()
	if s.c.Live() {
		s.await(path, into, done)
	}
}

func (s *Server) await(path string, into any, done func() bool) []byte {
	s.t.Helper()
	for end := time.Now().Add(waitTimeout); ; time.Sleep(100 * time.Millisecond) {
		status, body, err := s.c.servers.do("GET", path, "", nil)
		if err == nil && status == http.StatusOK {
			if s.decode(body, into); done() {
				return body
			}
		}
		if time.Now().After(end) {
			s.t.Fatalf("GET %s: %d, %v; it does not become what the test waits for\n%s", path, status, err, body)
		}
	}
}

func (s *Server) decode(body []byte, into any) {
	s.t.Helper()
	reflect.ValueOf(into).Elem().SetZero() // what is missing in this answer may have been in the last one
	if err := json.Unmarshal(body, into); err != nil {
		s.t.Fatalf("%v\n%s", err, body)
	}
}

// AwaitAllowed waits until the API server lets an account do something in the test's namespace.
func (s *Server) AwaitAllowed(user, verb, group, resource string) {
	s.t.Helper()
	if !s.c.Live() {
		return
	}
	for end := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		_, body, err := s.c.servers.do("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "application/json", object{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
			"spec": object{"user": user, "resourceAttributes": object{"namespace": s.Namespace, "verb": verb, "group": group, "resource": resource}},
		})
		var review struct{ Status struct{ Allowed bool } }
		if err == nil && json.Unmarshal(body, &review) == nil && review.Status.Allowed {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s may not %s %s: %v\n%s", user, verb, resource, err, body)
		}
	}
}

// Apply creates the objects of a manifest of several documents, with its namespace shop replaced.
func (s *Server) Apply(path string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		s.t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\n---\n") {
		var obj struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string
			Metadata   struct{ Name, Namespace string }
		}
		var whole map[string]any
		part = strings.ReplaceAll(part, "namespace: shop", "namespace: "+s.Namespace)
		if err := errors.Join(yaml.Unmarshal([]byte(part), &obj), yaml.Unmarshal([]byte(part), &whole)); err != nil {
			s.t.Fatal(err)
		}
		api := "/apis/" + obj.APIVersion
		if obj.APIVersion == "v1" {
			api = "/api/v1"
		}
		if obj.Metadata.Namespace != "" {
			api += "/namespaces/" + obj.Metadata.Namespace
		}
		s.Create(api+"/"+strings.ToLower(obj.Kind)+"s", whole)
	}
}
