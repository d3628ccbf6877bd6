package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

const (
	batch = 2000 // series of a request
	// others is how many requests with further series there are; they are sent again and again: a guardian
	// that refuses a series does not remember it.
	others = 60
)

// prepare makes the requests: first those with so many series.
func prepare(series int) [][]byte {
	now := time.Now().UnixMilli()
	var all [][]byte
	for from := 0; from < series; from += batch {
		all = append(all, request(from, now))
	}
	for i := range others {
		switch i % 40 {
		case 7: // what decompresses to as much as is taken, and is nothing
			all = append(all, snappy.Encode(nil, make([]byte, 16<<20)))
		case 17: // more than is taken
			all = append(all, make([]byte, 17<<20))
		case 27: // no series
			all = append(all, []byte(strings.Repeat("x", 1<<20)))
		default:
			all = append(all, request(series+i*batch, now))
		}
	}
	return all
}

// request makes a request with the series from a number on.
func request(from int, now int64) []byte {
	var r prompb.WriteRequest
	for i := range batch {
		r.Timeseries = append(r.Timeseries, prompb.TimeSeries{
			Labels: labelsOf(from + i), Samples: []prompb.Sample{{Timestamp: now, Value: float64(i)}},
		})
	}
	raw, err := r.Marshal()
	if err != nil {
		panic(err)
	}
	return snappy.Encode(nil, raw)
}

// labelsOf are the labels of a series: of one of five kinds.
func labelsOf(n int) (all []prompb.Label) {
	id := fmt.Sprint(n)
	add := func(name, value string) { all = append(all, prompb.Label{Name: name, Value: value}) }
	switch n % 5 {
	case 0: // one metric with many values of a label
		add("__name__", "ext_orders")
		add("order", id)
	case 1: // many metrics
		add("__name__", "ext_metric_"+id)
	case 2: // long values
		add("__name__", "ext_long")
		add("text", id+strings.Repeat("长", 900))
	case 3: // many labels, each with a value of its own
		add("__name__", "ext_wide")
		for i := range 16 {
			add(fmt.Sprintf("l%02d", i), id+"_"+fmt.Sprint(i))
		}
	default: // as an ordinary exporter
		add("__name__", "ext_ordinary_seconds_bucket")
		for _, name := range []string{"cluster", "container", "instance", "job", "namespace", "node", "pod", "region"} {
			add(name, name+"-"+strings.Repeat("x", 20)+fmt.Sprint(n%50))
		}
		add("zone", id)
	}
	return all
}
