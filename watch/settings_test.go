package watch_test

import (
	"testing"

	"guardian/watch"
)

func TestAShareIsTheNumberThatIsWritten(t *testing.T) {
	for text, want := range map[string]watch.Share{"99.9%": 0.999, "0.1%": 0.001, "99.95%": 0.9995, "33.3%": 0.333, "0.999": 0.999, "100%": 1, "0%": 0} {
		var s watch.Share
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s is read as %v (%v), want %v", text, float64(s), err, float64(want))
		}
	}
}
