package kinds_test

import (
	"testing"

	"guardian/actions"
	"guardian/actions/kinds"
)

// A kind that cannot say what it acts on cannot be used in a drill.
func TestEveryKindCanSayWhatItActsOn(t *testing.T) {
	for name, kind := range kinds.Builtin() {
		if _, ok := kind.Settings().(actions.Targeted); !ok {
			t.Errorf("steps of kind %s cannot say what they act on: give their settings the method Targets", name)
		}
	}
}
