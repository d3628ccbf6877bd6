package announce_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/reason"
)

func TestACutNamesTheServicesThatNobodySees(t *testing.T) {
	now := time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)
	news := decide.BlindNews{Kind: decide.PathCut, Path: "default", Checks: 4, Since: now.Add(-time.Minute), Why: reason.Text("no answer"), Services: []string{"orders", "stock"}}
	for language, want := range map[string]string{"en": "Services out of sight orders and stock", "zh": "完全失明的服务 orders、stock"} {
		n := announce.Renderer{Language: language}.Blindness(news, now)
		var told strings.Builder
		for _, f := range n.Facts {
			fmt.Fprintln(&told, f.Name, f.Value)
		}
		if !strings.Contains(told.String(), want) {
			t.Errorf("%s\nwant %s", &told, want)
		}
	}
}
