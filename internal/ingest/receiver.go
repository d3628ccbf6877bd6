package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/series"
)

// Limits are the limits of requests. Zero values mean the defaults.
type Limits struct {
	Body       int // bytes, both compressed and uncompressed; default 16 MiB
	Samples    int // of a request; default 100,000
	Labels     int // of a series, its name included; default 64
	NameBytes  int // of a metric's or label's name; default 256
	ValueBytes int // of a label's value; default 4096
	AtOnce     int // requests read or worked on at once, those of one sender half as many; default 16
	Working    int // of them decoded and stored at the same time; default: half of the cores
}

func (l Limits) withDefaults() Limits {
	for at, otherwise := range map[*int]int{
		&l.Body: 16 << 20, &l.Samples: 100_000, &l.Labels: 64, &l.NameBytes: 256, &l.ValueBytes: 4096, &l.AtOnce: 16,
	} {
		if *at <= 0 {
			*at = otherwise
		}
	}
	return l
}

// The allowed age of samples. The storage rejects samples that are more than an hour older than
// its newest one. A sample from the far future would therefore block all others, and one from
// the far past would start an empty storage at a useless time.
const (
	oldest = time.Hour
	ahead  = 10 * time.Minute // as in Prometheus
)

// bodyWithin is how long a sender may take to send a request: 16 MiB at a MB a second.
const bodyWithin = 15 * time.Second

// Storage stores samples. *series.DB implements it.
type Storage interface {
	// Admits tells whether points of a series would be appended now; series.ErrTooManySeries: not those of
	// a new one. It does not keep the labels.
	Admits(of labels.Labels) error
	Write(ctx context.Context, points []series.Point, rejected func(i int, why error)) (appended int, err error)
	WriteExemplars(ctx context.Context, exemplars []series.Exemplar, rejected func(i int, why error)) (appended int, err error)
}

// Options configures a Receiver.
type Options struct {
	Storage Storage
	Names   func() Names                // the metrics that may be written now
	Wrote   func(points []series.Point) // called with what a request wrote, to be read only; may be nil
	Limits  Limits
	Now     func() time.Time

	Log        *slog.Logger          // default: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
}

// Receiver handles remote write requests. It starts no goroutine.
//
// Senders get the same status codes as from Prometheus: 204 if all samples were stored; 400
// with the reasons if some were rejected for good and the others stored; 429 if there are too
// many series; 413 and 415 for bodies that are too long or of another type; 500 and 503 if a
// retry may help.
//
// Looks and rules come first: few requests are worked on at once, and a sender whose samples are refused
// waits before the next of its requests is read.
type Receiver struct {
	o       Options
	turns   *turns
	work    workspaces
	bodies  bodies
	pace    *pace
	metrics *metrics
	catalog catalogue
}

// New makes a Receiver.
func New(o Options) *Receiver {
	o.Limits = o.Limits.withDefaults()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wrote == nil {
		o.Wrote = func([]series.Point) {}
	}
	return &Receiver{
		o: o, turns: newTurns(o.Limits.AtOnce, turnWithin), work: newWorkspaces(o.Limits.Working), pace: newPace(o.Now),
		metrics: newMetrics(o.Registerer),
	}
}

// Metadata returns the metadata that senders sent last, by metric. It is kept in memory only.
func (r *Receiver) Metadata() map[string]Metadata { return r.catalog.all() }

// failure is an answer other than success.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

func fail(status int, format string, args ...any) error {
	return &failure{status, fmt.Sprintf(format, args...)}
}

// From handles the requests of a sender; any name that tells senders apart.
func (r *Receiver) From(sender string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.serve(w, req, sender) })
}

// ServeHTTP implements http.Handler. It tells senders apart by their addresses.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	host, _, _ := net.SplitHostPort(req.RemoteAddr)
	r.serve(w, req, host)
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request, sender string) {
	if r.slowed(w, sender) {
		return
	}
	if err := r.turns.take(req.Context(), sender); err != nil {
		w.Header().Set("Retry-After", "1")
		r.answer(w, req, fail(http.StatusServiceUnavailable, "too many writes are in progress: %d at once, of one sender half as many; try again", r.o.Limits.AtOnce))
		return
	}
	defer r.turns.leave(sender)
	if r.slowed(w, sender) { // for what was worked on while it waited
		return
	}
	version, err := versionOf(req)
	if err != nil {
		r.answer(w, req, err)
		return
	}
	packed := r.bodies.get()
	defer r.bodies.put(packed)
	wrote := written{}
	if err = r.read(w, req, packed); err == nil {
		wrote, err = r.process(req.Context(), version, packed.Bytes(), sender)
	}
	if version == 2 {
		// The specification requires these with every answer, including errors.
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(wrote.samples))
		w.Header().Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(wrote.histograms))
		w.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(wrote.exemplars))
	}
	r.answer(w, req, err)
}

// slowed answers a sender that has to wait, and reports whether it does.
func (r *Receiver) slowed(w http.ResponseWriter, sender string) bool {
	left, why := r.pace.left(sender)
	if left <= 0 {
		return false
	}
	r.metrics.requests.WithLabelValues("slowed").Inc()
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(left.Seconds()))))
	http.Error(w, fmt.Sprintf("not read, because what this sender wrote last was refused: %s; try again in %s", why, left.Round(time.Millisecond)), http.StatusServiceUnavailable)
	return true
}

// process waits for its turn and stores what is valid of a request. Its sender waits when that was little.
func (r *Receiver) process(ctx context.Context, version int, packed []byte, sender string) (wrote written, err error) {
	var at *workspace
	select {
	case at = <-r.work:
	case <-ctx.Done():
		return written{}, fail(http.StatusServiceUnavailable, "the sender has gone")
	}
	defer r.work.done(at)
	began := r.o.Now()
	refused := 1.0 // the share
	if err = r.uncompress(at, packed); err == nil {
		wrote, refused, err = r.write(ctx, version, at)
	}
	var f *failure
	if errors.As(err, &f) { // else it is our fault
		r.pace.worked(sender, r.o.Now().Sub(began), refused, f.text)
	}
	return wrote, err
}

// answer writes the status, and the reason of an error on one line: senders log the first line.
func (r *Receiver) answer(w http.ResponseWriter, req *http.Request, err error) {
	if err == nil {
		r.metrics.requests.WithLabelValues("written").Inc()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		r.o.Log.ErrorContext(req.Context(), "remote write samples could not be stored", "error", err)
		f = &failure{http.StatusInternalServerError, "the samples could not be stored; the guardian's log says more"}
	}
	result := "refused"
	if f.status >= http.StatusInternalServerError {
		result = "failed"
	}
	r.metrics.requests.WithLabelValues(result).Inc()
	http.Error(w, f.text, f.status)
}

// versionOf returns the version of the message. As specified, it is 1 if the request does not
// name it.
func versionOf(req *http.Request) (int, error) {
	const help = "send application/x-protobuf with snappy, as Prometheus' remote_write does"
	if enc := req.Header.Get("Content-Encoding"); enc != "" && enc != "snappy" {
		return 0, fail(http.StatusUnsupportedMediaType, "Content-Encoding %q is not supported; %s", short(enc), help)
	}
	content := req.Header.Get("Content-Type")
	if content == "" {
		return 1, nil
	}
	kind, params, err := mime.ParseMediaType(content)
	if err != nil || kind != "application/x-protobuf" {
		return 0, fail(http.StatusUnsupportedMediaType, "Content-Type %q is not supported; %s", short(content), help)
	}
	switch params["proto"] {
	case "", "prometheus.WriteRequest":
		return 1, nil
	case "io.prometheus.write.v2.Request":
		return 2, nil
	default:
		return 0, fail(http.StatusUnsupportedMediaType, "message %q is not supported; send prometheus.WriteRequest or io.prometheus.write.v2.Request", short(params["proto"]))
	}
}

// read reads a compressed body.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request, into *bytes.Buffer) error {
	if req.ContentLength > int64(r.o.Limits.Body) {
		return r.tooLong()
	}
	// A request that trickles in takes no other's place for long. Not every connection has deadlines.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyWithin)) //nolint:forbidigo // deadlines of connections are of the machine's clock
	_, err := into.ReadFrom(http.MaxBytesReader(w, req.Body, int64(r.o.Limits.Body)))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return r.tooLong()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(http.StatusRequestTimeout, "the body took longer than %s; send less at once", bodyWithin)
	case err != nil:
		return fail(http.StatusBadRequest, "the body is incomplete")
	}
	_ = control.SetReadDeadline(time.Time{}) // what follows may take longer
	return nil
}

// tooLong is the answer to a body over the limit, which applies to both of its forms.
func (r *Receiver) tooLong() error {
	return fail(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes; let the sender send less at once (max_samples_per_send)", r.o.Limits.Body)
}

func (r *Receiver) uncompress(at *workspace, packed []byte) error {
	length, err := snappy.DecodedLen(packed)
	if err == nil && length > r.o.Limits.Body {
		return r.tooLong()
	}
	if err == nil {
		err = at.uncompress(packed)
	}
	if err != nil {
		return fail(http.StatusBadRequest, "the body is not compressed with snappy (block format)")
	}
	return nil
}

// written counts what is stored of a request.
type written struct{ samples, histograms, exemplars int }

// write stores the valid samples of a request. Its error describes the others; refused is their share.
func (r *Receiver) write(ctx context.Context, version int, at *workspace) (_ written, refused float64, err error) {
	b := batch{names: r.o.Names(), limits: r.o.Limits, now: r.o.Now(), storage: r.o.Storage, points: at.points, refused: refusals{}}
	defer func() { at.points = b.points }()
	d := &at.decoder
	d.limits, d.version = r.o.Limits, version
	err = d.request(at.body, func() error { return b.add(d, &r.catalog) }, func(metric string, m Metadata) {
		if b.names.Has(metric) {
			r.catalog.note(metric, m)
		}
	})
	if err != nil {
		// Nothing has been stored yet, and nothing of a malformed message is.
		r.metrics.rejected.WithLabelValues("malformed").Inc()
		return written{}, 1, fail(http.StatusBadRequest, "%s", strings.Join(strings.Fields(err.Error()), " "))
	}
	defer func() { r.metrics.refused(b.refused, b.exemplarsRefused) }()
	histograms := 0
	rejected := make(map[int]bool)
	n, err := r.o.Storage.Write(ctx, b.points, func(i int, why error) {
		rejected[i] = true
		b.refuseStored(b.points[i], why)
	})
	if err != nil {
		return written{}, 0, fmt.Errorf("remote write: %w", err)
	}
	r.metrics.samples.Add(float64(n))
	stored := b.points[:0]
	for i, p := range b.points {
		if rejected[i] {
			continue
		}
		if p.H != nil {
			histograms++
		}
		stored = append(stored, p)
	}
	if n > 0 {
		r.o.Wrote(stored)
	}
	exemplars, err := r.o.Storage.WriteExemplars(ctx, b.exemplars, func(_ int, why error) {
		reason, _ := storedReason(why)
		b.refuseExemplars(reason, 1)
	})
	if err != nil {
		return written{}, 0, fmt.Errorf("remote write: %w", err)
	}
	r.metrics.exemplars.Add(float64(exemplars))
	return written{n - histograms, histograms, exemplars}, b.refused.share(b.seen), b.refused.err(n)
}
