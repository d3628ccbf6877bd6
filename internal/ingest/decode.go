package ingest

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"google.golang.org/protobuf/encoding/protowire"
)

// decoder reads a request series by series without unmarshalling it as a whole. Otherwise a small
// message of many empty elements could allocate many times its size.
//
// The field numbers are those of prometheus.WriteRequest and io.prometheus.write.v2.Request.
type decoder struct {
	limits  Limits
	version int // 1 or 2
	symbols []string

	// The fields below belong to the current series. Their memory is reused for the next one.
	builder   labels.ScratchBuilder
	current   labels.Labels // in the builder's memory
	pairs     []pair
	halves    int // how many names and values of pairs were read (version 2)
	samples   []value
	exemplars []exemplarRead
	meta      Metadata
}

// emptied gives a decoder for the next request, with the memory of this one.
func (d *decoder) emptied() decoder {
	d.builder.Reset()
	next := decoder{builder: d.builder}
	if cap(d.symbols)+cap(d.samples) <= keptPoints {
		clear(d.symbols)
		clear(d.samples[:cap(d.samples)])
		next.symbols, next.samples = d.symbols[:0], d.samples[:0]
	}
	return next
}

type pair struct{ name, value string }

// value is a sample or a histogram of one series.
type value struct {
	t int64
	f float64
	h *prompb.Histogram
}

// errMalformed is the error for a body that is not a valid message.
var errMalformed = errors.New("the body is not a remote write request")

// limitError is the error for a request that exceeds a limit.
type limitError struct{ what string }

func (e *limitError) Error() string { return e.what }

func tooMany(what string, most int) error {
	return &limitError{fmt.Sprintf("%s, more than %d in one request; lower max_samples_per_send of the sender", what, most)}
}

// text converts bytes to a string without copying. The body is not modified while the request
// is processed; what is kept longer is copied.
func text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b)) //nolint:gosec // see above: the body is not modified
}

// shape lists the wire types of a message's fields, by number from 1 on: b bytes, v varint,
// d eight bytes; any other character: the field is skipped, as are fields after the last one.
type shape string

func (s shape) fits(field protowire.Number, kind protowire.Type) bool {
	if int(field) > len(s) {
		return true
	}
	switch s[field-1] {
	case 'b':
		return kind == protowire.BytesType
	case 'v':
		return kind == protowire.VarintType
	case 'd':
		return kind == protowire.Fixed64Type
	default:
		return true
	}
}

// fields calls f with each field of a message: bytes in content, numbers in number.
func fields(message []byte, of shape, f func(field int, content []byte, number uint64) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 || !of.fits(field, kind) {
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
		default: // only unknown fields have other types
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			return errMalformed
		}
		if int(field) <= len(of) {
			if err := f(int(field), content, number); err != nil {
				return err
			}
		}
		message = message[n:]
	}
	return nil
}

// The messages of version 1 and 2.
const (
	requestV1  shape = "b.b"   // timeseries, -, metadata
	requestV2  shape = "...bb" // symbols, timeseries
	seriesV1   shape = "bbbb"  // labels, samples, exemplars, histograms
	seriesV2   shape = ".bbbb" // labels_refs, samples, histograms, exemplars, metadata
	labelV1    shape = "bb"    // name, value
	sampleBoth shape = "dv"    // value, timestamp
	exemplarV1 shape = "bdv"   // labels, value, timestamp
	exemplarV2 shape = ".dv"   // labels_refs, value, timestamp
	metaV1     shape = "vb.bb" // type, metric_family_name, -, help, unit
	metaV2     shape = "v.vv"  // type, -, help_ref, unit_ref
)

// request calls each for every series of a request; the decoder's fields hold the series until
// each returns. It calls metadata for the metadata of each metric in a request of version 1.
func (d *decoder) request(body []byte, each func() error, metadata func(metric string, m Metadata)) error {
	if d.version == 2 {
		return d.requestV2(body, each)
	}
	return fields(body, requestV1, func(field int, content []byte, _ uint64) error {
		switch field {
		case 1:
			if err := fields(content, seriesV1, d.fieldV1); err != nil {
				return err
			}
			return d.next(each)
		case 3:
			name, m, err := metadataV1(content)
			if err != nil {
				return err
			}
			metadata(name, m)
		}
		return nil
	})
}

func (d *decoder) requestV2(body []byte, each func() error) error {
	// The symbols may come after the series.
	if err := fields(body, requestV2, d.symbol); err != nil {
		return err
	}
	if len(d.symbols) > 0 && d.symbols[0] != "" {
		return fmt.Errorf("%w: its first symbol is not empty", errMalformed)
	}
	return fields(body, requestV2, func(field int, content []byte, _ uint64) error {
		if field != 5 {
			return nil
		}
		if err := fields(content, seriesV2, d.fieldV2); err != nil {
			return err
		}
		if d.halves%2 != 0 {
			return fmt.Errorf("%w: a label has a name and no value", errMalformed)
		}
		return d.next(each)
	})
}

// next hands the series over that was read, and makes room for another.
func (d *decoder) next(each func() error) error {
	err := each()
	d.pairs, d.samples, d.exemplars, d.meta, d.halves = d.pairs[:0], d.samples[:0], d.exemplars[:0], Metadata{}, 0
	return err
}

func (d *decoder) symbol(field int, content []byte, _ uint64) error {
	if field != 4 {
		return nil
	}
	if most := d.limits.Samples * 4; len(d.symbols) >= most {
		return tooMany("more symbols than its samples can need", most)
	}
	d.symbols = append(d.symbols, text(content))
	return nil
}

// fieldV1 and fieldV2 read a field of a time series.
func (d *decoder) fieldV1(field int, content []byte, _ uint64) error {
	switch field {
	case 1:
		return d.label(content)
	case 2:
		return d.sample(content)
	case 3:
		return d.exemplar(content, exemplarV1)
	case 4:
		return d.histogram(content)
	}
	return nil
}

func (d *decoder) fieldV2(field int, content []byte, number uint64) error {
	switch field {
	case 1:
		return d.labelRefs(content, number)
	case 2:
		return d.sample(content)
	case 3:
		return d.histogram(content)
	case 4:
		return d.exemplar(content, exemplarV2)
	case 5:
		return d.metadataV2(content)
	}
	return nil
}

func (d *decoder) take(v value) error {
	if len(d.samples) >= d.limits.Samples {
		return tooMany("a series has too many samples", d.limits.Samples)
	}
	d.samples = append(d.samples, v)
	return nil
}

// mostPairs is how many labels of one series are read at all. Limits.Labels is far below it and
// rejects only the one series.
const mostPairs = 1000

func (d *decoder) add(p pair) error {
	if len(d.pairs) >= mostPairs {
		return tooMany("a series has too many labels", mostPairs)
	}
	d.pairs = append(d.pairs, p)
	return nil
}

func (d *decoder) label(message []byte) error {
	p, err := pairOf(message)
	if err != nil {
		return err
	}
	return d.add(p)
}

// pairOf reads a label of version 1.
func pairOf(message []byte) (p pair, err error) {
	err = fields(message, labelV1, func(field int, content []byte, _ uint64) error {
		if field == 1 {
			p.name = text(content)
		} else {
			p.value = text(content)
		}
		return nil
	})
	return p, err
}

// labelRefs reads indexes of symbols, alternately names and values.
func (d *decoder) labelRefs(content []byte, number uint64) error {
	return d.eachSymbol(content, number, func(s string) error {
		if d.halves++; d.halves%2 == 0 {
			d.pairs[len(d.pairs)-1].value = s
			return nil
		}
		return d.add(pair{name: s})
	})
}

// eachSymbol reads indexes of symbols. They are packed, as all senders write them, or one by one, which
// the format allows too.
func (d *decoder) eachSymbol(content []byte, number uint64, f func(s string) error) error {
	refer := func(ref uint64) error {
		s, err := d.symbolAt(ref)
		if err != nil {
			return err
		}
		return f(s)
	}
	if content == nil {
		return refer(number)
	}
	for len(content) > 0 {
		ref, n := protowire.ConsumeVarint(content)
		if n < 0 {
			return errMalformed
		}
		if err := refer(ref); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}

func (d *decoder) symbolAt(ref uint64) (string, error) {
	if ref == 0 {
		return "", nil // index 0 always means the empty string
	}
	if ref >= uint64(len(d.symbols)) {
		return "", fmt.Errorf("%w: it refers to symbol %d and has %d", errMalformed, ref, len(d.symbols))
	}
	return d.symbols[ref], nil
}

func (d *decoder) sample(message []byte) error {
	var v value
	err := fields(message, sampleBoth, func(field int, _ []byte, number uint64) error {
		if field == 1 {
			v.f = math.Float64frombits(number) // keeps the NaN bits: one NaN is the stale marker
		} else {
			v.t = int64(number) //nolint:gosec // protobuf's int64 is two's complement
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.take(v)
}

// histogram reads a native histogram. Both versions have the same fields, except for one that
// version 2 adds.
func (d *decoder) histogram(message []byte) error {
	h := &prompb.Histogram{}
	if err := h.Unmarshal(message); err != nil {
		return fmt.Errorf("%w: a histogram is broken", errMalformed)
	}
	return d.take(value{t: h.Timestamp, h: h})
}
