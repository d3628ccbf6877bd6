package ingest

import (
	"maps"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/prompb"
)

// Metadata describes a metric, as its sender says.
type Metadata struct {
	Type string // as in Prometheus' API: counter, gauge, histogram, …, unknown
	Help string
	Unit string
}

func metadataV1(message []byte) (metric string, m Metadata, err error) {
	m.Type = typeName(0)
	err = fields(message, metaV1, func(field int, content []byte, number uint64) error {
		switch field {
		case 1:
			m.Type = typeName(number)
		case 2:
			metric = text(content)
		case 4:
			m.Help = text(content)
		case 5:
			m.Unit = text(content)
		}
		return nil
	})
	return metric, m, err
}

func (d *decoder) metadataV2(message []byte) error {
	d.meta.Type = typeName(0)
	return fields(message, metaV2, func(field int, _ []byte, number uint64) (err error) {
		switch field {
		case 1:
			d.meta.Type = typeName(number)
		case 3:
			d.meta.Help, err = d.symbolAt(number)
		case 4:
			d.meta.Unit, err = d.symbolAt(number)
		}
		return err
	})
}

// typeName returns the name of a metric type. Both versions use the same numbers.
func typeName(number uint64) string {
	if number < uint64(len(prompb.MetricMetadata_MetricType_name)) {
		return strings.ToLower(prompb.MetricMetadata_MetricType_name[int32(number)]) //nolint:gosec // bounded above
	}
	return "unknown"
}

// Limits of the stored metadata. More than that is ignored; it is only informative.
const (
	mostMetadata = 10_000
	mostHelp     = 1 << 10 // bytes of a help or unit text
)

// catalogue holds the latest metadata by metric.
type catalogue struct {
	mu sync.Mutex
	of map[string]Metadata
}

func (c *catalogue) note(metric string, m Metadata) {
	if len(m.Help) > mostHelp || len(m.Unit) > mostHelp {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	have, known := c.of[metric]
	if have == m || (!known && len(c.of) >= mostMetadata) {
		return
	}
	if c.of == nil {
		c.of = map[string]Metadata{}
	}
	// The strings refer to the body of the request: copy them.
	c.of[strings.Clone(metric)] = Metadata{Type: m.Type, Help: strings.ToValidUTF8(strings.Clone(m.Help), "�"), Unit: strings.ToValidUTF8(strings.Clone(m.Unit), "�")}
}

func (c *catalogue) all() map[string]Metadata {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.of)
}
