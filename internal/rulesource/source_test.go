package rulesource_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/rulesource"
)

// server answers every query the same.
type server struct {
	value    model.Value
	warnings []string
	err      error
	hangs    bool
}

func (s server) Query(ctx context.Context, _ string, _ time.Time) (model.Value, []string, error) {
	if s.hangs {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}
	return s.value, s.warnings, s.err
}

func (s server) QueryRange(ctx context.Context, expr string, start, _ time.Time, _ time.Duration) (model.Value, []string, error) {
	return s.Query(ctx, expr, start)
}

func (server) Close() {}

// TestWhatIsNotAWholeAnswerIsAnError: an alert must not resolve because a part of the answer is
// missing.
func TestWhatIsNotAWholeAnswerIsAnError(t *testing.T) {
	vector := model.Vector{{Metric: model.Metric{"job": "a"}, Value: 1, Timestamp: 7}}
	for name, c := range map[string]struct {
		server server
		want   string // in the error; "": there is none
	}{
		"a vector":                     {server{value: vector}, ""},
		"a scalar":                     {server{value: &model.Scalar{Value: 1, Timestamp: 7}}, ""},
		"an empty vector":              {server{value: model.Vector{}}, ""},
		"a remark on the expression":   {server{value: vector, warnings: []string{"PromQL info: metric might not be a counter"}}, ""},
		"a warning of missing parts":   {server{value: vector, warnings: []string{"store sg-1: connection refused"}}, "not whole"},
		"an error":                     {server{err: errors.New("502")}, "502"},
		"a string":                     {server{value: &model.String{Value: "x"}}, "a vector or a scalar is needed"},
		"a native histogram":           {server{value: model.Vector{{Histogram: &model.SampleHistogram{}}}}, "native histogram"},
		"no answer within the timeout": {server{hangs: true}, context.DeadlineExceeded.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := rulesource.New("mimir", c.server, time.Second)
				begun := time.Now()
				got, err := s.Query(t.Context(), "up", begun)
				if took := time.Since(begun); took > time.Second {
					t.Errorf("it took %s", took)
				}
				if (err == nil) != (c.want == "") || err != nil && !(strings.Contains(err.Error(), c.want) && strings.Contains(err.Error(), "mimir")) {
					t.Fatalf("%v, %v", got, err)
				}
				if err == nil && len(got) > 0 && (got[0].F != 1 || got[0].T != 7) {
					t.Errorf("%v", got)
				}
			})
		})
	}
}

func TestAnAnswerOverATime(t *testing.T) {
	matrix := model.Matrix{{Metric: model.Metric{"job": "a"}, Values: []model.SamplePair{{Timestamp: 7, Value: 1}, {Timestamp: 8, Value: 2}}}}
	s := rulesource.New("mimir", server{value: matrix}, time.Second)
	got, err := s.QueryRange(t.Context(), "up", time.Now(), time.Now(), time.Second)
	if err != nil || len(got) != 1 || len(got[0].Floats) != 2 || got[0].Floats[1].F != 2 || got[0].Metric.Get("job") != "a" {
		t.Errorf("%v, %v", got, err)
	}
	for name, s := range map[string]server{
		"a vector":           {value: model.Vector{}},
		"a part of a matrix": {value: matrix, warnings: []string{"store sg-1: connection refused"}},
	} {
		if got, err := rulesource.New("mimir", s, time.Second).QueryRange(t.Context(), "up", time.Now(), time.Now(), time.Second); err == nil {
			t.Errorf("%s is taken: %v", name, got)
		}
	}
}
