package kube

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"guardian/test/port"
	"guardian/test/process"
	"guardian/test/program"
)

// Tokens of the cluster's accounts. Admin may do everything. Token is that of the service account which the manifest of the
// documentation makes; Stranger's account may do nothing.
const (
	Token    = "hunter2-kube-token"
	Stranger = "hunter2-stranger-token"
	Admin    = "admin-of-the-test"
)

const tokens = Admin + `,admin,1,"system:masters"
` + Token + `,system:serviceaccount:guardian:guardian,2,"system:serviceaccounts"
` + Stranger + `,system:serviceaccount:guardian:stranger,3,"system:serviceaccounts"
`

// startTimeout bounds the start of a server, also on a machine that does much else.
const startTimeout = 3 * time.Minute

// waitTimeout bounds how long the cluster may take for what a test waits for.
const waitTimeout = time.Minute

// servers are a real cluster.
type servers struct {
	address     string // of the API server
	client      *http.Client
	controllers *process.Process
	kubelet     *kubelet
}

func startServers(t *testing.T, programs string) *servers {
	t.Helper()
	dir := t.TempDir()
	etcd := "http://127.0.0.1:" + free(t)
	peer := "http://127.0.0.1:" + free(t)
	start(t, program.Installed(t, "etcd", "etcd-server"), "--data-dir", filepath.Join(dir, "etcd"),
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	key := filepath.Join(dir, "key.pem")
	write(t, key, rsaKey(t))
	write(t, filepath.Join(dir, "tokens.csv"), []byte(tokens))
	at := free(t)
	s := &servers{address: "https://127.0.0.1:" + at, client: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // a server of this test, which signs its own certificate
	}}
	api := start(t, filepath.Join(programs, "kube-apiserver"), "--etcd-servers", etcd, "--cert-dir", filepath.Join(dir, "certs"),
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none", "--secure-port", at,
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key, "--service-account-signing-key-file", key,
		"--token-auth-file", filepath.Join(dir, "tokens.csv"), "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/24",
		// There are no tokens to mount, and no taints that somebody would take off.
		"--disable-admission-plugins", "ServiceAccount,TaintNodesByCondition,Priority")
	s.await(t, api)
	write(t, filepath.Join(dir, "kubeconfig"), kubeconfig(s.address, Admin))
	s.controllers = start(t, filepath.Join(programs, "controllers"), filepath.Join(dir, "kubeconfig"))
	s.kubelet = startKubelet(t, s)
	return s
}

// freeze stops the controllers' process.
func (s *servers) freeze(t *testing.T) func() {
	t.Helper()
	signal := func(sig syscall.Signal) func() {
		return func() {
			if err := s.controllers.Signal(sig); err != nil {
				t.Errorf("signal the controllers: %v", err)
			}
		}
	}
	signal(syscall.SIGSTOP)()
	return signal(syscall.SIGCONT)
}

// await waits until the API server is ready.
func (s *servers) await(t *testing.T, api *process.Process) {
	t.Helper()
	for end := time.Now().Add(startTimeout); ; time.Sleep(100 * time.Millisecond) {
		status, body, err := s.do("GET", "/readyz", "", nil)
		if err == nil && status == http.StatusOK {
			return
		}
		ended := false
		select {
		case <-api.Done:
			ended = true
		default:
		}
		if ended || time.Now().After(end) {
			t.Fatalf("the API server does not become ready: %d, %v\n%s", status, err, body)
		}
	}
}

// do sends a request as the cluster's administrator.
func (s *servers) do(method, path, kind string, body any) (int, []byte, error) {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, s.address+path, r) // the client has a timeout
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+Admin)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// start starts a server that ends with the test. What it said is shown when the test fails.
func start(t *testing.T, path string, args ...string) *process.Process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), filepath.Base(path)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...) //nolint:gosec // a server of the test
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		<-p.Done
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s said at last:\n%s", filepath.Base(path), text[max(0, len(text)-4096):])
		}
	})
	return p
}

func free(t *testing.T) string {
	t.Helper()
	n, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(n)
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rsaKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func kubeconfig(address, token string) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: test, user: {token: %q}}]
`, address, token)
}
