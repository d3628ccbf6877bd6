package notifiers_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

// A receiver says how long its notices took, what failed before they were accepted included, and
// forgets those of yesterday.
func TestHowLongNoticesTakeIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, _ notifiers.Notice) error {
			if n == 1 {
				return &notifiers.Retry{Err: errors.New("HTTP 503"), After: 30 * time.Second}
			}
			return nil
		}}
		k := open(t, one(m))
		k.start()
		if l := k.d.Status()[0].Latency; l != (notifiers.Latency{}) {
			t.Errorf("of none: %+v", l)
		}
		k.put("oncall", "critical", "late/1")
		pass(time.Minute)
		for i := range 4 {
			k.put("oncall", "critical", fmt.Sprintf("soon%d/1", i))
			pass(time.Minute)
		}
		if l := k.d.Status()[0].Latency; l.Notices != 5 || time.Duration(l.Median) > time.Second || time.Duration(l.P99) < 30*time.Second || time.Duration(l.P99) > 35*time.Second {
			t.Errorf("of five, of which one took 30 s: %+v", l)
		}
		pass(23*time.Hour + 58*time.Minute)
		if l := k.d.Status()[0].Latency; l.Notices >= 5 {
			t.Errorf("a day later: %+v", l)
		}
		pass(time.Hour)
		if l := k.d.Status()[0].Latency; l.Notices != 0 {
			t.Errorf("more than a day later: %+v", l)
		}
	})
}
