//go:build !race

package notifiers_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// 2,000 notices in a minute: each critical group is named in an accepted message within five
// seconds, no vendor's limit is exceeded, nothing is lost, and no robot sends more than twelve
// messages a minute.
func TestAStormAtEveryMessenger_Plain(t *testing.T) {
	receivers, said := messengersOf(t)
	synctest.Test(t, func(t *testing.T) {
		k := open(t, receivers)
		k.start()
		critical := k.storm(2000, func(int) {})
		pass(20 * time.Minute)
		if len(critical) < 40 {
			t.Fatalf("only %d critical groups: this test proves little", len(critical))
		}
		for group, began := range critical {
			waited := time.Hour
			for _, h := range said {
				for i, text := range h.bodies {
					if strings.Contains(text, "["+group+"]") {
						waited = min(waited, h.accepted[i].Sub(began))
						break
					}
				}
			}
			if waited > 5*time.Second {
				t.Errorf("%s was named after %s", group, waited)
			}
		}
		k.arrived(said)
	})
}
