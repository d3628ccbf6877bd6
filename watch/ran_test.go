package watch_test

import (
	"strings"
	"testing"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
)

// A version is gone back to only if it ran healthy: a few failures of many looks may be chance, more
// are not taken for it.
func TestWhatLooksSayOfAVersionThatRan(t *testing.T) {
	for name, c := range map[string]struct {
		looks string // up, down, unknown
		rate  float64
		known int
		fails bool
	}{
		"it was up":                               {looks: strings.Repeat(".", 60), known: 60},
		"one failure of many":                     {looks: strings.Repeat(".", 30) + "x" + strings.Repeat(".", 60), rate: 0.02, known: 91},
		"a tenth failed, and it may fail 1 %":     {looks: "x.x.x" + strings.Repeat(".", 26), rate: 0.01, known: 31, fails: true},
		"an eighth failed, and 5 % are allowed":   {looks: "x.x.x.x" + strings.Repeat(".", 24), rate: 0.05, known: 31, fails: true},
		"as many as it may":                       {looks: strings.Repeat(".........x..........", 5), rate: 0.05, known: 100},
		"it was down at the end":                  {looks: strings.Repeat(".", 200) + "x", rate: 0.05, known: 201, fails: true},
		"what could not be seen is not a failure": {looks: "??" + strings.Repeat(".", 20) + "?", known: 20},
	} {
		t.Run(name, func(t *testing.T) {
			var looks []watch.Look
			for i, l := range c.looks {
				h := map[rune]sample.Health{'.': sample.Up, 'x': sample.Down, '?': sample.Unknown}[l]
				looks = append(looks, watch.Look{At: t0().Add(time.Duration(i) * time.Second), Health: h})
			}
			if known, fails := watch.RanWith(looks, c.rate); known != c.known || fails != c.fails {
				t.Errorf("%d known, fails %v", known, fails)
			}
		})
	}
}
