package announce_test

import (
	"slices"
	"testing"
	"time"

	"guardian/internal/announce"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/notifiers"
)

// priceFlags is a configuration with a kill switch of two variants, of which the first is the default.
func priceFlags(usual, other string) []flags.Flag {
	return []flags.Flag{{
		Name: "pause-price-writes", Owner: "price-team", Service: "price-sync", Description: "pauses price-sync",
		Default: usual, Values: map[string]any{usual: false, other: true}, MaxFor: 24 * time.Hour,
	}}
}

func pausedPrices(now time.Time) flags.Change {
	return flags.Change{
		Flag: "pause-price-writes", Variant: "on", By: "zhang.min", Reason: reason.Text("prices are zero"), At: now.Add(-time.Hour), Until: now.Add(time.Hour),
	}
}

func flagSet(now time.Time) func(announce.Renderer) notifiers.Notice {
	return func(t announce.Renderer) notifiers.Notice {
		return t.FlagChanged(priceFlags("off", "on")[0], pausedPrices(now), now)
	}
}

// flagEnded tells of the end of a setting: by a person, by its time, or by a configuration that is not nil.
func flagEnded(now time.Time, by string, configured []flags.Flag) func(announce.Renderer) notifiers.Notice {
	return func(t announce.Renderer) notifiers.Notice {
		f, c := priceFlags("off", "on")[0], flags.Change{Flag: "pause-price-writes", By: by, At: now}
		if configured != nil {
			c.Reason = pausedPrices(now).Gone(configured, now)
		}
		switch {
		case len(configured) > 0:
			f = configured[0]
		case configured != nil:
			f = flags.Flag{Name: c.Flag}
		}
		return t.FlagChanged(f, c, now)
	}
}

// What a notice is about, and what happened to it, is in the list by which matchers are checked.
func TestEveryKindOfNoticeIsListed(t *testing.T) {
	for lang, teller := range renderers() {
		for name, tell := range everything() {
			n := tell(teller)
			if n.Kind != "alert" && !slices.Contains(notifiers.Kinds()[n.Kind], n.Event) {
				t.Errorf("%s/%s: notifiers.Kinds has no %s of %s", lang, name, n.Event, n.Kind)
			}
		}
	}
}
