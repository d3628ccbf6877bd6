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

// labels returns the labels and the metric name of the current series, or what is wrong with them.
func (d *decoder) labels() (labels.Labels, string, error) {
	l, metric, err := d.build(d.pairs)
	if err == nil && metric == "" {
		return labels.EmptyLabels(), "", errors.New("a series has no metric name")
	}
	return l, metric, err
}

// build makes labels of pairs, and says which of them is the metric's name.
func (d *decoder) build(pairs []pair) (labels.Labels, string, error) {
	if len(pairs) > d.limits.Labels {
		return labels.EmptyLabels(), "", fmt.Errorf("a series has %d labels, more than %d", len(pairs), d.limits.Labels)
	}
	d.builder.Reset()
	metric := ""
	for _, p := range pairs {
		switch {
		case p.name == "":
			return labels.EmptyLabels(), "", errors.New("a label has no name")
		case len(p.name) > d.limits.NameBytes:
			return labels.EmptyLabels(), "", fmt.Errorf("a label's name is longer than %d bytes: %q", d.limits.NameBytes, short(p.name))
		case p.name == model.MetricNameLabel && len(p.value) > d.limits.NameBytes:
			return labels.EmptyLabels(), "", fmt.Errorf("a metric's name is longer than %d bytes: %q", d.limits.NameBytes, short(p.value))
		case len(p.value) > d.limits.ValueBytes:
			return labels.EmptyLabels(), "", fmt.Errorf("the value of label %q is longer than %d bytes", short(p.name), d.limits.ValueBytes)
		case !utf8.ValidString(p.name) || !utf8.ValidString(p.value):
			return labels.EmptyLabels(), "", errors.New("a label is not UTF-8")
		case p.name == model.MetricNameLabel:
			metric = p.value
		case p.value == "":
			continue // an empty value means no label
		}
		d.builder.Add(p.name, p.value)
	}
	d.builder.Sort()
	l := d.builder.Labels()
	if name, twice := l.HasDuplicateLabelNames(); twice {
		return labels.EmptyLabels(), "", fmt.Errorf("%s has the label %q twice", short(metric), short(name))
	}
	return l, metric, nil
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
		m.Labels, _, m.wrong = d.build(pairs)
	}
	d.exemplars = append(d.exemplars, m)
	return nil
}
