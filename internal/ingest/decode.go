package ingest

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
	"unsafe"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"google.golang.org/protobuf/encoding/protowire"
)

// decoder reads a request series by series, in place: what a message could be made to cost
// in memory is bounded by what it says, not by structs that a few bytes of it stand for.
//
// The field numbers are those of prometheus.WriteRequest and io.prometheus.write.v2.Request.
type decoder struct {
	limits  Limits
	version int // 1 or 2
	symbols []string

	// Of the series that is read now; their memory is used again for the next.
	builder labels.ScratchBuilder
	pairs   []pair
	samples []value
	meta    Metadata
}

type pair struct{ name, value string }

// value is a sample or a histogram of one series.
type value struct {
	t int64
	f float64
	h *prompb.Histogram
}

// errMalformed is a body that is not what its headers say.
var errMalformed = errors.New("the body is not a remote write request")

// limitError is a request that is more than one may be.
type limitError struct{ what string }

func (e *limitError) Error() string { return e.what }

func tooMany(what string, most int) error {
	return &limitError{fmt.Sprintf("%s, more than %d in one request; let the sender send less at once (max_samples_per_send)", what, most)}
}

// text sees bytes as a string without copying. The body stays as it is until it was
// written, and labels.ScratchBuilder copies.
func text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b)) //nolint:gosec // see above: nobody changes the body
}

// fields calls f with each field of a message. Fields of other wire types than bytes have
// their content in number.
func fields(message []byte, f func(field protowire.Number, kind protowire.Type, content []byte, number uint64) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errMalformed
		}
		message = message[n:]
		var content []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			content, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			_, n = protowire.ConsumeFixed32(message)
		default:
			n = -1 // groups: no version of the format has any
		}
		if n < 0 {
			return errMalformed
		}
		if err := f(field, kind, content, number); err != nil {
			return err
		}
		message = message[n:]
	}
	return nil
}

// request calls each with every series of a request, and told with every metric's metadata
// that a request of version 1 carries. The decoder's fields hold the series until each
// returns.
func (d *decoder) request(body []byte, each func() error, told func(metric string, m Metadata)) error {
	seriesField := protowire.Number(1)
	if d.version == 2 {
		seriesField = 5
		// Nothing says that the symbols come first.
		if err := fields(body, d.symbol); err != nil {
			return err
		}
		if len(d.symbols) > 0 && d.symbols[0] != "" {
			return fmt.Errorf("%w: its first symbol is not empty", errMalformed)
		}
	}
	return fields(body, func(field protowire.Number, kind protowire.Type, content []byte, _ uint64) error {
		switch {
		case field == seriesField && kind == protowire.BytesType:
			if err := d.series(content); err != nil {
				return err
			}
			return each()
		case field == 3 && d.version == 1 && kind == protowire.BytesType:
			name, m, err := metadataV1(content)
			if err != nil {
				return err
			}
			told(name, m)
		}
		return nil
	})
}

func (d *decoder) symbol(field protowire.Number, kind protowire.Type, content []byte, _ uint64) error {
	if field != 4 || kind != protowire.BytesType {
		return nil
	}
	if most := d.limits.Samples * 4; len(d.symbols) >= most {
		return tooMany("more symbols than its samples can need", most)
	}
	d.symbols = append(d.symbols, text(content))
	return nil
}

// series reads one time series into the decoder's fields.
func (d *decoder) series(message []byte) error {
	d.pairs, d.samples, d.meta = d.pairs[:0], d.samples[:0], Metadata{}
	return fields(message, func(field protowire.Number, kind protowire.Type, content []byte, number uint64) error {
		switch field {
		case 1:
			if d.version == 2 {
				return d.labelRefs(kind, content, number)
			}
			return d.label(content)
		case 2:
			v, err := sampleOf(content)
			if err != nil {
				return err
			}
			return d.take(v)
		case 3, 4:
			if (field == 3) != (d.version == 2) {
				return nil // the other one is exemplars: rules do not read them
			}
			// The fields of a histogram are those of version 1 in version 2, which adds one.
			h := &prompb.Histogram{}
			if err := h.Unmarshal(content); err != nil {
				return fmt.Errorf("%w: a histogram is broken", errMalformed)
			}
			return d.take(value{t: h.Timestamp, h: h})
		case 5:
			if d.version == 2 {
				return d.metadataV2(content)
			}
		}
		return nil
	})
}

func (d *decoder) take(v value) error {
	if len(d.samples) >= d.limits.Samples {
		return tooMany("a series has too many samples", d.limits.Samples)
	}
	d.samples = append(d.samples, v)
	return nil
}

// mostPairs bounds the labels that are read of one series at all; the limit of labels, which
// only refuses the one series, is far below.
const mostPairs = 1000

func (d *decoder) add(p pair) error {
	if len(d.pairs) >= mostPairs {
		return tooMany("a series has too many labels", mostPairs)
	}
	d.pairs = append(d.pairs, p)
	return nil
}

func (d *decoder) label(message []byte) error {
	var p pair
	err := fields(message, func(field protowire.Number, kind protowire.Type, content []byte, _ uint64) error {
		switch {
		case kind != protowire.BytesType:
		case field == 1:
			p.name = text(content)
		case field == 2:
			p.value = text(content)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.add(p)
}

// labelRefs reads names and values by turns, as indexes of symbols, packed.
func (d *decoder) labelRefs(kind protowire.Type, content []byte, _ uint64) error {
	if kind != protowire.BytesType {
		return fmt.Errorf("%w: its label references are not packed", errMalformed)
	}
	for len(content) > 0 {
		var p pair
		for _, into := range []*string{&p.name, &p.value} {
			ref, n := protowire.ConsumeVarint(content)
			if n < 0 {
				return fmt.Errorf("%w: a label has a name and no value", errMalformed)
			}
			s, err := d.symbolAt(ref)
			if err != nil {
				return err
			}
			*into, content = s, content[n:]
		}
		if err := d.add(p); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) symbolAt(ref uint64) (string, error) {
	if ref >= uint64(len(d.symbols)) {
		return "", fmt.Errorf("%w: it refers to symbol %d and has %d", errMalformed, ref, len(d.symbols))
	}
	return d.symbols[ref], nil
}

func sampleOf(message []byte) (value, error) {
	var v value
	err := fields(message, func(field protowire.Number, kind protowire.Type, _ []byte, number uint64) error {
		switch {
		case field == 1 && kind == protowire.Fixed64Type:
			v.f = math.Float64frombits(number) // keeps which NaN it is: one marks the end of a series
		case field == 2 && kind == protowire.VarintType:
			v.t = int64(number) //nolint:gosec // protobuf's int64 is two's complement
		}
		return nil
	})
	return v, err
}

// labels makes the labels of the series that was read last, or says what is wrong with them.
func (d *decoder) labels() (labels.Labels, string, error) {
	if len(d.pairs) > d.limits.Labels {
		return labels.EmptyLabels(), "", fmt.Errorf("a series has %d labels, more than %d", len(d.pairs), d.limits.Labels)
	}
	d.builder.Reset()
	metric := ""
	for _, p := range d.pairs {
		switch {
		case p.name == "":
			return labels.EmptyLabels(), "", errors.New("a label has no name")
		case len(p.name) > d.limits.NameBytes:
			return labels.EmptyLabels(), "", fmt.Errorf("a label's name is longer than %d bytes: %q", d.limits.NameBytes, short(p.name))
		case len(p.value) > d.limits.ValueBytes:
			return labels.EmptyLabels(), "", fmt.Errorf("the value of label %q is longer than %d bytes", short(p.name), d.limits.ValueBytes)
		case !utf8.ValidString(p.name) || !utf8.ValidString(p.value):
			return labels.EmptyLabels(), "", errors.New("a label is not UTF-8")
		case p.name == labels.MetricName:
			metric = p.value
		case p.value == "":
			continue // the same as no label
		}
		d.builder.Add(p.name, p.value)
	}
	if metric == "" {
		return labels.EmptyLabels(), "", errors.New("a series has no metric name")
	}
	if len(metric) > d.limits.NameBytes {
		return labels.EmptyLabels(), "", fmt.Errorf("a metric's name is longer than %d bytes: %q", d.limits.NameBytes, short(metric))
	}
	d.builder.Sort()
	l := d.builder.Labels()
	if name, twice := l.HasDuplicateLabelNames(); twice {
		return labels.EmptyLabels(), "", fmt.Errorf("%s has the label %q twice", short(metric), short(name))
	}
	return l, metric, nil
}
