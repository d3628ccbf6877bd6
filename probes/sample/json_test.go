package sample_test

import (
	"encoding/json"
	"math"
	"testing"

	"guardian/probes/sample"
)

// A look at a metric that is not a number can be printed all the same.
func TestNumbersWithoutAWordInJSONAreTexts(t *testing.T) {
	for v, want := range map[float64]string{1.5: "1.5", math.Inf(1): `"+Inf"`, math.Inf(-1): `"-Inf"`, math.NaN(): `"NaN"`} {
		b, err := json.Marshal(sample.Observation{Health: sample.Up, Values: []sample.Value{{Name: "a", Labels: map[string]string{"b": "c"}, V: v}}})
		if got, want := string(b), `{"health":"up","values":[{"name":"a","labels":{"b":"c"},"v":`+want+`}]}`; err != nil || got != want {
			t.Errorf("%v: got %s (%v), want %s", v, got, err, want)
		}
	}
}
