package ingest_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/prompb"

	"guardian/internal/ingest"
	"guardian/internal/series"
)

// BenchmarkTenThousandSamples takes a request of as many series that are known, each a
// scrape later than the one before.
func BenchmarkTenThousandSamples(b *testing.B) {
	db, err := series.Open(series.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	names, err := ingest.NewNames([]string{"erp_*"})
	if err != nil {
		b.Fatal(err)
	}
	at := now
	e := &edge{db: db, reg: prometheus.NewRegistry()}
	e.Receiver = ingest.New(ingest.Options{Storage: db, Names: func() ingest.Names { return names }, Now: func() time.Time { return at }})
	var all []prompb.TimeSeries
	mark := math.Float64frombits(0x4242424242424242)
	for i := range 10_000 {
		all = append(all, ts([]prompb.Sample{{Timestamp: now.UnixMilli(), Value: mark}}, "erp_lag", "instance", fmt.Sprintf("10.0.%d.%d:9100", i/250, i%250), "job", "erp", "shop", "sg-1"))
	}
	body, err := (&prompb.WriteRequest{Timeseries: all}).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	// The time stands behind the value, as a varint of six bytes.
	var last []byte
	stamp := func(ms int64) {
		next := binary.AppendUvarint(nil, uint64(ms))
		if last != nil {
			body = bytes.ReplaceAll(body, last, append([]byte("BBBBBBBB\x10"), next...))
		}
		last = append([]byte("BBBBBBBB\x10"), next...)
	}
	stamp(now.UnixMilli())
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		at = at.Add(15 * time.Second)
		stamp(at.UnixMilli())
		packed := snappy.Encode(nil, body)
		b.StartTimer()
		if w := e.send(packed, "Content-Type", contentV1); w.Code != http.StatusNoContent {
			b.Fatal(w.Code, w.Body)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}
