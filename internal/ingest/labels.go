package ingest

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
)

// labels returns the labels and the metric name of the current series, or what is wrong with them. Both are
// valid until the next series is read: whoever keeps the labels copies them.
func (d *decoder) labels() (labels.Labels, string, error) {
	metric, err := d.collect(d.pairs)
	if err == nil && metric == "" {
		err = errors.New("a series has no metric name")
	}
	if err != nil {
		return labels.EmptyLabels(), "", err
	}
	d.builder.Overwrite(&d.current)
	return d.current, metric, unique(d.current, metric)
}

// unique checks that labels have no name twice.
func unique(l labels.Labels, metric string) error {
	if name, twice := l.HasDuplicateLabelNames(); twice {
		return fmt.Errorf("%s has the label %q twice", short(metric), short(name))
	}
	return nil
}

// collect gives the builder labels of pairs, and says which of them is the metric's name.
func (d *decoder) collect(pairs []pair) (metric string, err error) {
	if len(pairs) > d.limits.Labels {
		return "", fmt.Errorf("a series has %d labels, more than %d", len(pairs), d.limits.Labels)
	}
	d.builder.Reset()
	for _, p := range pairs {
		switch {
		case p.name == "":
			return "", errors.New("a label has no name")
		case len(p.name) > d.limits.NameBytes:
			return "", fmt.Errorf("a label's name is longer than %d bytes: %q", d.limits.NameBytes, short(p.name))
		case p.name == model.MetricNameLabel && len(p.value) > d.limits.NameBytes:
			return "", fmt.Errorf("a metric's name is longer than %d bytes: %q", d.limits.NameBytes, short(p.value))
		case len(p.value) > d.limits.ValueBytes:
			return "", fmt.Errorf("the value of label %q is longer than %d bytes", short(p.name), d.limits.ValueBytes)
		case !utf8.ValidString(p.name) || !utf8.ValidString(p.value):
			return "", errors.New("a label is not UTF-8")
		case p.name == model.MetricNameLabel:
			metric = p.value
		case p.value == "":
			continue // an empty value means no label
		}
		d.builder.Add(p.name, p.value)
	}
	d.builder.Sort()
	return metric, nil
}

// own makes labels of pairs that may be kept.
func (d *decoder) own(pairs []pair) (labels.Labels, error) {
	metric, err := d.collect(pairs)
	if err != nil {
		return labels.EmptyLabels(), err
	}
	l := d.builder.Labels()
	return l, unique(l, metric)
}

// exemplarRead is an exemplar of the current series.
type exemplarRead struct {
	exemplar.Exemplar

	wrong error // why it cannot be stored
}

// mostExemplarLabels is how many labels of an exemplar are read: together they may have 128 characters.
const mostExemplarLabels = exemplar.ExemplarMaxLabelSetLength

// exemplar reads an exemplar. What is wrong with its labels does not reject the request.
func (d *decoder) exemplar(message []byte, of shape) error {
	if len(d.exemplars) >= d.limits.Samples {
		return tooMany("a series has too many exemplars", d.limits.Samples)
	}
	var m exemplarRead
	var pairs []pair
	halves := 0
	add := func(p pair) {
		if len(pairs) == mostExemplarLabels {
			m.wrong = fmt.Errorf("an exemplar has more than %d labels", mostExemplarLabels)
			return
		}
		pairs = append(pairs, p)
	}
	err := fields(message, of, func(field int, content []byte, number uint64) error {
		switch {
		case field == 2:
			m.Value = math.Float64frombits(number)
		case field == 3:
			m.Ts, m.HasTs = int64(number), true //nolint:gosec // protobuf's int64 is two's complement
		case of == exemplarV1:
			p, err := pairOf(content)
			if err != nil {
				return err
			}
			add(p)
		default:
			return d.eachSymbol(content, number, func(s string) error {
				if halves++; halves%2 == 1 {
					add(pair{name: s})
				} else if m.wrong == nil {
					pairs[len(pairs)-1].value = s
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if halves%2 != 0 {
		return fmt.Errorf("%w: an exemplar's label has a name and no value", errMalformed)
	}
	if m.wrong == nil {
		m.Labels, m.wrong = d.own(pairs)
	}
	d.exemplars = append(d.exemplars, m)
	return nil
}
