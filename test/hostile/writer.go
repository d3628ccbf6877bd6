package hostile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

// writer is a program that writes series without end, by several connections.
type writer struct {
	url    string
	series int // how many different ones, before it begins to change their labels

	mu      sync.Mutex
	next    int
	answers map[int]int // requests by status
	refusal string      // the first answer to a request whose series were too many
}

const (
	writeBatch = 2000
	writePause = 100 * time.Millisecond
)

// run writes until ctx ends.
func (w *writer) run(ctx context.Context, connections int) {
	var all sync.WaitGroup
	for c := range connections {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer client.CloseIdleConnections()
			for n := c; ctx.Err() == nil; n++ {
				switch n % 40 {
				case 7: // what decompresses to as much as is taken, and is nothing
					w.post(ctx, client, snappy.Encode(nil, make([]byte, 16<<20)))
				case 17: // more than is taken
					w.post(ctx, client, make([]byte, 17<<20))
				case 27: // no series
					w.post(ctx, client, []byte(strings.Repeat("x", 1<<20)))
				default:
					w.post(ctx, client, w.batch())
				}
				select {
				case <-ctx.Done():
				case <-time.After(writePause):
				}
			}
		})
	}
	all.Wait()
}

func (w *writer) post(ctx context.Context, client *http.Client, body []byte) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/api/v1/write", bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	status, text := 0, ""
	if resp, err := client.Do(req); err == nil {
		answer, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		status, text = resp.StatusCode, string(answer)
	}
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[status]++
	if status == http.StatusTooManyRequests && w.refusal == "" {
		w.refusal = text
	}
}

// batch makes the next request.
func (w *writer) batch() []byte {
	w.mu.Lock()
	from := w.next
	w.next += writeBatch
	w.mu.Unlock()
	var request prompb.WriteRequest
	now := time.Now().UnixMilli()
	for i := range writeBatch {
		request.Timeseries = append(request.Timeseries, prompb.TimeSeries{
			Labels: labelsOf(from + i), Samples: []prompb.Sample{{Timestamp: now, Value: float64(i)}},
		})
	}
	raw, err := request.Marshal()
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

// wrote tells whether all different series were written once.
func (w *writer) wrote() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next >= w.series
}
