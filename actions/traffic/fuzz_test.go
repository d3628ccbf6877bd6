package traffic_test

import (
	"slices"
	"testing"

	"guardian/actions/traffic"
)

// A file that is read as one of the step's is one that the step writes with the same weights.
func FuzzUpstream(f *testing.F) {
	f.Add("upstream shop { server a; server b:1 down; }")
	f.Add("# x\nupstream shop{server b:1 max_fails=3 weight=7;keepalive 32;}")
	f.Add("upstream shop { server a weight=0; }")
	f.Fuzz(func(t *testing.T, text string) {
		servers := []traffic.ServerSettings{{Pool: "blue", Server: "a"}, {Pool: "green", Server: "b:1", Options: "max_fails=3"}}
		for _, s := range []traffic.NGINXSettings{{Upstream: "shop"}, {Upstream: "shop", Directives: []string{"keepalive  32"}}} {
			weights, err := traffic.WeightsIn(text, servers, s)
			if err != nil {
				continue
			}
			again, err := traffic.WeightsIn(traffic.Render(servers, s, weights), servers, s)
			if err != nil || !slices.Equal(again, weights) {
				t.Fatalf("%q has %v, and written again %v, %v", text, weights, again, err)
			}
		}
	})
}
