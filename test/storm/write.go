package storm

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

const (
	writeEvery = 20 * time.Millisecond
	// againEvery is how often what fires is written again.
	againEvery = 15 * time.Second
	writeWait  = 5 * time.Second
)

// write writes each series from its moment on as remote write does: what was not accepted is written
// again. written is closed when all fire.
func (s *storm) write(ctx context.Context, written chan<- struct{}) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	accepted, again := 0, s.began.Add(againEvery)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due := accepted
		for due < len(s.series) && time.Since(s.began) >= s.series[due].after {
			if s.series[due].at.IsZero() {
				s.series[due].at = time.Now()
			}
			due++
		}
		from := accepted
		if time.Now().After(again) {
			from, again = 0, time.Now().Add(againEvery)
		}
		if due == from || s.send(ctx, s.series[from:due]) != nil {
			continue
		}
		if accepted < len(s.series) && due == len(s.series) {
			s.lastOne = time.Now()
			close(written)
		}
		accepted = due
	}
}

// send writes one sample of each series.
func (s *storm) send(ctx context.Context, all []series) error {
	var request prompb.WriteRequest
	for _, one := range all {
		request.Timeseries = append(request.Timeseries, prompb.TimeSeries{
			Labels: []prompb.Label{
				{Name: "__name__", Value: "stuck"}, {Name: "item", Value: one.item}, {Name: "service", Value: one.service}, {Name: "tier", Value: one.tier},
			},
			Samples: []prompb.Sample{{Timestamp: time.Now().UnixMilli(), Value: 1}},
		})
	}
	raw, err := request.Marshal()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.g.URL+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, raw)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the guardian answered %s", resp.Status)
	}
	return nil
}
