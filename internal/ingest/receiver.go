package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
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
	AtOnce     int // concurrent requests; default 16
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

// Storage stores samples. *series.DB implements it.
type Storage interface {
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

// Receiver handles remote write requests. It is an http.Handler and starts no goroutine.
//
// Senders get the same status codes as from Prometheus: 204 if all samples were stored; 400
// with the reasons if some were rejected for good and the others stored; 429 if there are too
// many series; 413 and 415 for bodies that are too long or of another type; 500 and 503 if a
// retry may help.
type Receiver struct {
	o       Options
	slots   chan struct{}
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
	return &Receiver{o: o, slots: make(chan struct{}, o.Limits.AtOnce), metrics: newMetrics(o.Registerer)}
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

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		r.answer(w, req, fail(http.StatusServiceUnavailable, "%d writes are in progress, which is the maximum; try again", r.o.Limits.AtOnce))
		return
	}
	version, err := versionOf(req)
	if err != nil {
		r.answer(w, req, err)
		return
	}
	wrote := written{}
	body, err := r.body(w, req)
	if err == nil {
		wrote, err = r.write(req.Context(), version, body)
	}
	if version == 2 {
		// The specification requires these with every answer, including errors.
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(wrote.samples))
		w.Header().Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(wrote.histograms))
		w.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(wrote.exemplars))
	}
	r.answer(w, req, err)
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

// body reads and uncompresses a request; the limit applies to both forms.
func (r *Receiver) body(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	most := r.o.Limits.Body
	tooLong := fail(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes; let the sender send less at once (max_samples_per_send)", most)
	if req.ContentLength > int64(most) {
		return nil, tooLong
	}
	packed, err := io.ReadAll(http.MaxBytesReader(w, req.Body, int64(most)))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, tooLong
		}
		return nil, fail(http.StatusBadRequest, "the body is incomplete")
	}
	length, err := snappy.DecodedLen(packed)
	switch {
	case err != nil:
		return nil, fail(http.StatusBadRequest, "the body is not compressed with snappy (block format)")
	case length > most:
		return nil, tooLong
	}
	body, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "the body is not compressed with snappy (block format)")
	}
	return body, nil
}

// written counts what is stored of a request.
type written struct{ samples, histograms, exemplars int }

// write stores the valid samples of a request. Its error describes the others.
func (r *Receiver) write(ctx context.Context, version int, body []byte) (written, error) {
	b := batch{names: r.o.Names(), limits: r.o.Limits, now: r.o.Now(), metrics: r.metrics, refused: refusals{}}
	d := decoder{limits: r.o.Limits, version: version, builder: labels.NewScratchBuilder(16)}
	err := d.request(body, func() error { return b.add(&d, &r.catalog) }, func(metric string, m Metadata) {
		if b.names.Has(metric) {
			r.catalog.note(metric, m)
		}
	})
	if err != nil {
		// Nothing has been stored yet, and nothing of a malformed message is.
		r.metrics.rejected.WithLabelValues("malformed").Inc()
		return written{}, fail(http.StatusBadRequest, "%s", strings.Join(strings.Fields(err.Error()), " "))
	}
	histograms := 0
	rejected := make(map[int]bool)
	n, err := r.o.Storage.Write(ctx, b.points, func(i int, why error) {
		rejected[i] = true
		b.refuseStored(b.points[i], why)
	})
	if err != nil {
		return written{}, fmt.Errorf("remote write: %w", err)
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
		return written{}, fmt.Errorf("remote write: %w", err)
	}
	r.metrics.exemplars.Add(float64(exemplars))
	return written{n - histograms, histograms, exemplars}, b.refused.err(n)
}
