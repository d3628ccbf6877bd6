//go:build !race

package replay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/internal/replay"
)

// Of ten checks, one of them looked at each second, the progress is told.
func TestSuggestingForTenChecksTellsItsProgress_Plain(t *testing.T) {
	var checks []string
	for i := range 10 {
		every := "15s"
		if i == 0 {
			every = "1s"
		}
		checks = append(checks, fmt.Sprintf("{name: c%d, service: orders, every: %s, tcp: {address: \"127.0.0.1:1\"}}", i, every))
	}
	told := map[string]float64{}
	s := suggest(t, "{name: orders}", strings.Join(checks, ", "), replay.Options{
		Samples:  history{every: 15 * time.Second, fails: func(i int) bool { return i%97 == 0 || i%1000 < 8 }},
		Progress: func(what string, part float64) { told[what] = part },
	})
	if len(s.Checks) != 10 {
		t.Errorf("%d checks", len(s.Checks))
	}
	if told["how long to watch"] != 1 || told["how soon faults are found"] != 1 {
		t.Errorf("progress %v", told)
	}
}
