package docker

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// newestAPI is the version of the Docker Engine API that this client was written against.
// With an older engine it uses that one's version.
const newestAPI = "1.47"

// object is a part of the Docker Engine API that is passed on as it came: also the fields
// that this client does not know must survive the re-creation of a container.
type object = map[string]any

// engineAPI is a small client of the Docker Engine API, https://docs.docker.com/reference/api/engine/.
// It is written here because a container is re-created from what the engine says of the old
// one, field by field, and the typed clients drop the fields that they do not know.
type engineAPI struct {
	host string // unix:///path or tcp://host:port
	tls  TLSFiles
	auth string // X-Registry-Auth, or ""

	once    sync.Mutex
	client  *http.Client
	base    string // http://docker/v1.41
	version string
}

// errNoSuch says that a container, image or network is not there.
var errNoSuch = errors.New("it does not exist")

// connect makes the client and agrees on a version, until it has succeeded once.
func (a *engineAPI) connect(ctx context.Context) error {
	a.once.Lock()
	defer a.once.Unlock()
	if a.base != "" {
		return nil
	}
	if a.client == nil {
		c, err := a.newClient()
		if err != nil {
			return err
		}
		a.client = c
	}
	scheme, host := "http", "docker"
	if u, err := url.Parse(a.host); err == nil && u.Scheme != "unix" {
		host = u.Host
		if a.tls.set() {
			scheme = "https"
		}
	}
	root := scheme + "://" + host
	var v struct {
		API string `json:"ApiVersion"`
		Min string `json:"MinAPIVersion"`
	}
	if err := a.send(ctx, root, apiRequest{method: http.MethodGet, path: "/version"}, &v); err != nil {
		return actions.Failure(reason.New("docker_version", "host", a.host, "error", actions.ReasonOf(err)), err)
	}
	version := newestAPI
	if older(v.API, version) {
		version = v.API
	}
	if v.Min != "" && older(version, v.Min) {
		return actions.Failure(reason.New("docker_too_new", "host", a.host, "oldest", v.Min, "newest", newestAPI))
	}
	a.base, a.version = root+"/v"+version, version
	return nil
}

func (a *engineAPI) newClient() (*http.Client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	t := &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}
	if path, ok := strings.CutPrefix(a.host, "unix://"); ok {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
	}
	if a.tls.set() {
		conf, err := a.tls.load()
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig = conf
	}
	return &http.Client{Transport: t}, nil
}

func (f TLSFiles) set() bool { return f.CA != "" || f.Cert != "" }

func (f TLSFiles) load() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, actions.Failure(reason.New("docker_tls_file", "file", f.CA, "error", err))
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, actions.Failure(reason.New("docker_tls_no_certificate", "file", f.CA))
		}
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, actions.Failure(reason.New("docker_tls_file", "file", f.Cert, "error", err))
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// older compares two versions of the API, major.minor.
func older(a, b string) bool {
	parse := func(v string) (int, int) {
		major, minor, _ := strings.Cut(v, ".")
		m, _ := strconv.Atoi(major)
		n, _ := strconv.Atoi(minor)
		return m, n
	}
	am, an := parse(a)
	bm, bn := parse(b)
	return am < bm || (am == bm && an < bn)
}

// apiRequest is one request to the engine.
type apiRequest struct {
	method, path string
	query        url.Values
	in           any       // sent as JSON; nil: no body, or tar
	tar          io.Reader // sent as a tar archive
	auth         string    // X-Registry-Auth, or ""
}

// call sends a request under the agreed version and decodes the answer into out, unless that
// is nil.
func (a *engineAPI) call(ctx context.Context, r apiRequest, out any) error {
	if err := a.connect(ctx); err != nil {
		return err
	}
	return a.send(ctx, a.base, r, out)
}

// send is call with an address that the path is appended to.
func (a *engineAPI) send(ctx context.Context, base string, r apiRequest, out any) error {
	res, err := a.open(ctx, base, r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if out == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxDocker))
		return nil
	}
	d := json.NewDecoder(io.LimitReader(res.Body, maxDocker))
	d.UseNumber() // sizes and limits are int64: a float would round them
	if err := d.Decode(out); err != nil {
		return actions.Failure(reason.New("docker_bad_answer", "error", err), err)
	}
	return nil
}

// maxDocker is the most that is read of one answer, in bytes.
const maxDocker = 16 << 20

// open sends a request and gives the answer when it is a success.
func (a *engineAPI) open(ctx context.Context, base string, r apiRequest) (*http.Response, error) {
	address := base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	body, kind := r.tar, "application/x-tar"
	if r.in != nil {
		b, err := json.Marshal(r.in)
		if err != nil {
			return nil, actions.Failure(reason.New("docker_bad_request", "error", err), err)
		}
		body, kind = bytes.NewReader(b), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, actions.Failure(reason.New("docker_bad_request", "error", err), err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if r.auth != "" {
		req.Header.Set("X-Registry-Auth", r.auth)
	}
	res, err := a.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, actions.Failure(reason.New("docker_unreachable", "error", err), err)
	}
	if res.StatusCode >= 200 && res.StatusCode <= 299 || res.StatusCode == http.StatusNotModified {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	return nil, refusedBy(res)
}

// refusedBy gives the error of an answer that is no success.
func refusedBy(res *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(b, &m) != nil || m.Message == "" {
		m.Message = strings.TrimSpace(string(b))
	}
	why := reason.New("docker_says", "message", m.Message, "status", res.StatusCode)
	if res.StatusCode == http.StatusNotFound {
		return actions.Failure(why, errNoSuch)
	}
	return actions.Failure(why)
}

type image struct {
	ref    string // as it was asked for
	ID     string `json:"Id"`
	Config object
	// RepoDigests are the names by which registries have it: repository@sha256:….
	RepoDigests []string
}

func (a *engineAPI) image(ctx context.Context, ref string) (image, error) {
	i := image{ref: ref}
	err := a.call(ctx, apiRequest{method: http.MethodGet, path: "/images/" + ref + "/json"}, &i)
	return i, err
}

// fetchable asks a registry, by the engine, whether it has an image.
func (a *engineAPI) fetchable(ctx context.Context, ref string) error {
	return a.call(ctx, apiRequest{method: http.MethodGet, path: "/distribution/" + ref + "/json", auth: a.auth}, nil)
}

// pull fetches an image; the engine reports an error in the middle of its answer.
func (a *engineAPI) pull(ctx context.Context, ref string) error {
	if err := a.connect(ctx); err != nil {
		return err
	}
	q := url.Values{"fromImage": {ref}}
	if !strings.Contains(ref, "@") {
		q.Set("tag", "latest") // without one the engine fetches every tag that there is
	}
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') && !strings.Contains(ref, "@") {
		q = url.Values{"fromImage": {ref[:i]}, "tag": {ref[i+1:]}}
	}
	res, err := a.open(ctx, a.base, apiRequest{method: http.MethodPost, path: "/images/create", query: q, auth: a.auth})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	for d := json.NewDecoder(res.Body); ; {
		var m struct {
			Error string `json:"error"`
		}
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return actions.Failure(reason.New("docker_bad_answer", "error", err), err)
		}
		if m.Error != "" {
			return actions.Failure(reason.New("docker_says", "message", m.Error, "status", 0))
		}
	}
}

func (a *engineAPI) create(ctx context.Context, name string, config object) (id string, err error) {
	var out struct {
		ID string `json:"Id"`
	}
	err = a.call(ctx, apiRequest{method: http.MethodPost, path: "/containers/create", query: url.Values{"name": {name}}, in: config}, &out)
	return out.ID, err
}

func (a *engineAPI) post(ctx context.Context, path string, query url.Values, in any) error {
	return a.call(ctx, apiRequest{method: http.MethodPost, path: path, query: query, in: in}, nil)
}

func (a *engineAPI) start(ctx context.Context, id string) error {
	return a.post(ctx, "/containers/"+id+"/start", nil, nil)
}

// stop ends a container with its own signal: within a time, by force after it. Without one the
// container's own time holds.
func (a *engineAPI) stop(ctx context.Context, id string, within *time.Duration) error {
	query := url.Values{}
	if within != nil {
		query.Set("t", strconv.Itoa(int(within.Seconds())))
	}
	return a.post(ctx, "/containers/"+id+"/stop", query, nil)
}

func (a *engineAPI) pause(ctx context.Context, id string) error {
	return a.post(ctx, "/containers/"+id+"/pause", nil, nil)
}

func (a *engineAPI) rename(ctx context.Context, id, name string) error {
	return a.post(ctx, "/containers/"+id+"/rename", url.Values{"name": {name}}, nil)
}

// remove removes a container, but no volume: the next container uses it.
func (a *engineAPI) remove(ctx context.Context, id string) error {
	err := a.call(ctx, apiRequest{method: http.MethodDelete, path: "/containers/" + id, query: url.Values{"force": {"1"}}}, nil)
	if errors.Is(err, errNoSuch) {
		return nil
	}
	return err
}

func (a *engineAPI) join(ctx context.Context, network, id string, endpoint object) error {
	return a.post(ctx, "/networks/"+url.PathEscape(network)+"/connect", nil, object{"Container": id, "EndpointConfig": endpoint})
}

func (a *engineAPI) leave(ctx context.Context, network, id string) error {
	return a.post(ctx, "/networks/"+url.PathEscape(network)+"/disconnect", nil, object{"Container": id})
}

// logs gives the last lines of what a container wrote.
func (a *engineAPI) logs(ctx context.Context, c container, lines int) (string, error) {
	if err := a.connect(ctx); err != nil {
		return "", err
	}
	q := url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {strconv.Itoa(lines)}}
	res, err := a.open(ctx, a.base, apiRequest{method: http.MethodGet, path: "/containers/" + c.ID + "/logs", query: q})
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, actions.MaxOutput))
	if err != nil {
		return "", actions.Failure(reason.New("docker_bad_answer", "error", err), err)
	}
	if tty, _ := c.Config["Tty"].(bool); tty {
		return string(b), nil
	}
	return frames(b), nil
}

// frames gives the text of the engine's log stream. A frame is one byte for the stream, three
// unused ones, four for the length, and the text.
func frames(b []byte) string {
	var out strings.Builder
	for len(b) >= 8 {
		n := uint64(binary.BigEndian.Uint32(b[4:8]))
		b = b[8:]
		n = min(n, uint64(len(b)))
		out.Write(b[:n])
		b = b[n:]
	}
	return out.String()
}

// registryAuth gives the header for a private registry.
func registryAuth(user, password string) string {
	b, err := json.Marshal(map[string]string{"username": user, "password": password})
	if err != nil || user == "" {
		return ""
	}
	return base64.URLEncoding.EncodeToString(b)
}
