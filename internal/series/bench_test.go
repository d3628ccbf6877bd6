package series_test

import (
	"testing"
	"time"

	"guardian/internal/series"
	"guardian/probes/sample"
)

// BenchmarkAppendKnownSample appends looks whose five series are known: one transaction each.
func BenchmarkAppendKnownSample(b *testing.B) {
	db := open(b, series.Options{})
	s := look(sample.Up, epoch)
	put(b, db, s)
	b.ReportAllocs()
	for b.Loop() {
		s.At = s.At.Add(time.Second)
		if _, err := db.AppendSample(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendKnownPoints appends a thousand points of known series in one transaction.
func BenchmarkAppendKnownPoints(b *testing.B) {
	db := open(b, series.Options{})
	points := make([]series.Point, 1000)
	for i := range points {
		points[i] = point(epoch, 1, "i", string(rune('a'+i%26)), "j", string(rune('a'+i/26)))
	}
	if err := db.Append(b.Context(), points); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range points {
			points[i].T += 1000
		}
		if err := db.Append(b.Context(), points); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQuery asks what a rule asks, over a hundred checks.
func BenchmarkQuery(b *testing.B) {
	db := open(b, series.Options{})
	for i := range 100 {
		s := look(sample.Up, epoch)
		s.Check += string(rune('a' + i))
		put(b, db, s)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Query(b.Context(), "probe_success == 0", epoch); err != nil {
			b.Fatal(err)
		}
	}
}
