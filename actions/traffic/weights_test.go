package traffic_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"guardian/actions/traffic"
)

// Whatever the weights are, a pool gets the share that is said, its servers by their own weights, and
// no server that has a share gets none.
func TestDivide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var servers []traffic.ServerSettings
		var now []int
		for range rapid.IntRange(1, 4).Draw(t, "blue") {
			servers = append(servers, traffic.ServerSettings{Pool: "blue", Weight: rapid.IntRange(0, 5).Draw(t, "own weight")})
			now = append(now, rapid.IntRange(0, 20).Draw(t, "now"))
		}
		others := 0
		for range rapid.IntRange(0, 4).Draw(t, "others") {
			servers = append(servers, traffic.ServerSettings{Pool: rapid.SampledFrom([]string{"green", "grey"}).Draw(t, "pool")})
			now = append(now, rapid.IntRange(0, 20).Draw(t, "now"))
			others += now[len(now)-1]
		}
		percent := rapid.IntRange(1, 100).Draw(t, "percent")
		most := rapid.SampledFrom([]int{256, 10_000}).Draw(t, "most")
		got := traffic.Divide(servers, now, "blue", percent, most)
		var blue, all float64
		for i, w := range got {
			if w < 0 || w > most {
				t.Fatalf("weight %d of at most %d", w, most)
			}
			given := servers[i].Pool == "blue" || now[i] > 0 && percent < 100
			if given != (w > 0) {
				t.Fatalf("server %d has weight %d: %v", i, w, got)
			}
			if all += float64(w); servers[i].Pool == "blue" {
				blue += float64(w)
			}
		}
		want := float64(percent)
		if others == 0 {
			want = 100
		}
		if share := 100 * blue / all; most == 10_000 && math.Abs(share-want) > 0.5 {
			t.Fatalf("blue gets %v of %v %%: %v", share, want, got)
		}
	})
}
