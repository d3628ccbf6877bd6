package marketplace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Credentials are those of a seller's application at a marketplace.
type Credentials struct {
	App    string // app key, partner ID
	Secret string // app secret, partner key
	Token  string // access token
	Shop   string // the seller's ID
}

// Order is one of the marketplace's orders.
type Order struct {
	ID, SKU, Price, Currency, Country, Status string
	Quantity                                  int
	At                                        time.Time
}

// Server is one marketplace.
type Server struct {
	vendor  vendor
	http    *httptest.Server
	now     func() time.Time
	sandbox bool
	keys    Credentials
	pushing sync.WaitGroup

	mu       sync.Mutex
	limits   map[string]Limit
	buckets  map[string]*bucket
	expired  bool
	storm    bool
	orders   map[string]Order
	calls    map[string]int // answered, by operation
	refused  map[string]int // throttled, by operation
	endpoint Endpoint
	made     int
}

// Option is a setting of a server.
type Option func(*Server)

// WithNow gives the server another clock.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithLimit replaces the limit of an operation; "": of all operations without one of their own.
func WithLimit(operation string, l Limit) Option {
	return func(s *Server) { s.limits[operation] = l }
}

// WithCredentials replaces the credentials that the server accepts.
func WithCredentials(c Credentials) Option { return func(s *Server) { s.keys = c } }

// WithSandbox makes the server the vendor's sandbox.
func WithSandbox() Option { return func(s *Server) { s.sandbox = true } }

// Names lists the marketplaces.
func Names() []string { return slices.Sorted(maps.Keys(vendors())) }

// New starts a marketplace of Names. It panics on another name.
func New(name string, options ...Option) *Server {
	v, ok := vendors()[name]
	if !ok {
		panic("there is no fake marketplace " + name)
	}
	v.name = name
	s := &Server{
		vendor: v, now: time.Now, limits: map[string]Limit{}, buckets: map[string]*bucket{},
		keys:   Credentials{App: "2001887", Secret: "fake-app-secret-0001", Token: "fake-access-token-0001", Shop: "14701711"},
		orders: map[string]Order{}, calls: map[string]int{}, refused: map[string]int{},
	}
	for _, o := range options {
		o(s)
	}
	s.http = httptest.NewServer(s)
	return s
}

// URL is the address of the API.
func (s *Server) URL() string { return s.http.URL }

// Close stops the server and waits for its pushes.
func (s *Server) Close() {
	s.http.Close()
	s.pushing.Wait()
}

// Credentials returns the credentials that the server accepts.
func (s *Server) Credentials() Credentials { return s.keys }

// ExpireToken makes the access token expire, or valid again.
func (s *Server) ExpireToken(expired bool) { s.set(func() { s.expired = expired }) }

// Storm throttles every call, as when another application has used the quota up.
func (s *Server) Storm(on bool) { s.set(func() { s.storm = on }) }

// AddOrder adds an order.
func (s *Server) AddOrder(o Order) { s.set(func() { s.orders[o.ID] = o }) }

// Orders returns all orders, sorted by ID.
func (s *Server) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sorted()
}

func (s *Server) sorted() []Order {
	var all []Order
	for _, id := range slices.Sorted(maps.Keys(s.orders)) {
		all = append(all, s.orders[id])
	}
	return all
}

// Calls returns how many calls of an operation were answered, and how many were throttled.
func (s *Server) Calls(operation string) (answered, throttled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation], s.refused[operation]
}

func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// vendor is how one marketplace's API behaves.
type vendor struct {
	name       string
	operations []operation
	named      func(request) string                                   // finds the operation where the path does not name it
	check      func(*Server, request) *answer                         // verifies credentials, signature and timestamp; nil: they are right
	throttled  func(s *Server, op operation, t throttle) answer       // the answer to a call over the limit
	quota      func(h http.Header, s *Server, o operation, b *bucket) // the headers of every answer
	inSandbox  *Limit                                                 // of each operation, in the sandbox
	unknown    answer                                                 // there is no such operation, or no such order
	push       func(Order, Endpoint, string) (http.Header, []byte)    // unsigned; nil: not published
}

// operation is one call of an API.
type operation struct {
	name, method, path string
	shared             string // the bucket, where operations share one
	limit              Limit
	serve              func(*Server, request) answer
}

func (o operation) bucket() string {
	if o.shared != "" {
		return o.shared
	}
	return o.name
}

type request struct {
	*http.Request
	body   []byte
	params map[string]string // of the query
	path   map[string]string // of the path
}

// member reads a text or number of the JSON body.
func (r request) member(name string) string {
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	_ = d.Decode(&all)
	if v, ok := all[name]; ok {
		return fmt.Sprint(v)
	}
	return ""
}

type answer struct {
	status int
	header map[string]string
	body   any // nil: none; a string as it is; else as JSON
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	in := request{Request: r, body: body, params: map[string]string{}}
	for name, values := range r.URL.Query() {
		in.params[name] = strings.Join(values, ",")
	}
	s.mu.Lock()
	out := s.answer(w.Header(), &in)
	s.mu.Unlock()
	for name, value := range out.header {
		w.Header().Set(name, value)
	}
	var text []byte
	switch b := out.body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		text, _ = json.Marshal(b)
	}
	if len(text) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(text)
}

func (s *Server) answer(h http.Header, in *request) answer {
	op, ok := s.find(in)
	if !ok {
		return s.vendor.unknown
	}
	if refusal := s.vendor.check(s, *in); refusal != nil {
		return *refusal
	}
	b := s.bucketOf(op)
	t := throttle{storm: s.storm}
	if !s.storm {
		t = b.take(s.now(), 1)
	}
	if s.vendor.quota != nil {
		s.vendor.quota(h, s, op, b)
	}
	if t.is() {
		s.refused[op.name]++
		return s.vendor.throttled(s, op, t)
	}
	s.calls[op.name]++
	return op.serve(s, *in)
}

func (s *Server) find(in *request) (operation, bool) {
	named := ""
	if s.vendor.named != nil {
		named = s.vendor.named(*in)
	}
	for _, o := range s.vendor.operations {
		if o.method != in.Method || s.vendor.named != nil && o.name != named {
			continue
		}
		if vars, ok := match(o.path, in.URL.Path); ok {
			in.path = vars
			return o, true
		}
	}
	return operation{}, false
}

func match(pattern, path string) (map[string]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		if name, ok := strings.CutPrefix(w, "{"); ok {
			name, end, _ := strings.Cut(name, "}")
			value, ok := strings.CutSuffix(got[i], end)
			if !ok || value == "" {
				return nil, false
			}
			vars[name] = value
		} else if w != got[i] {
			return nil, false
		}
	}
	return vars, true
}
