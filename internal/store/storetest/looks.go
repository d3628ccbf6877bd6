package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/probes/sample"
)

func looksInOrder(j journal) {
	t := j.t
	s, fence := j.acting()
	look := func(check string, at time.Time, h sample.Health, why string) sample.Sample {
		return sample.Sample{
			Check: check, Service: "shop", At: at, Duration: 20 * time.Millisecond, Recheck: why != "",
			Observation: sample.Observation{Health: h, Reason: reason.Text(why), Version: "v2"},
		}
	}
	first := []sample.Sample{look("b", day().Add(2*time.Second), sample.Up, ""), look("a", day().Add(time.Second), sample.Down, "status 500")}
	second := []sample.Sample{look("a", day().Add(3*time.Second), sample.Unknown, "no route")}
	commit(t, s, fence, store.Batch{Looks: first})
	commit(t, s, fence, store.Batch{Looks: second})
	if diff := cmp.Diff(append(first, second...), must(j.open().Looks(t.Context()))(t)); diff != "" {
		t.Errorf("another guardian reads other looks:\n%s", diff)
	}
	late := []sample.Sample{look("a", day().Add(store.KeptLooks+3*time.Second), sample.Up, "")}
	commit(t, s, fence, store.Batch{Looks: late})
	if diff := cmp.Diff(append(second[:1:1], late...), must(s.Looks(t.Context()))(t)); diff != "" {
		t.Errorf("minutes later there are other looks:\n%s", diff)
	}
	if err := s.Commit(t.Context(), store.Unfenced, store.Batch{Looks: late}); err == nil {
		t.Error("looks were written without the lease")
	}
}
