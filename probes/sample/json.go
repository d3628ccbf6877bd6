package sample

import (
	"encoding/json"
	"math"
	"strconv"
)

// MarshalJSON writes a number for which JSON has no word as a text, such as "NaN".
func (v Value) MarshalJSON() ([]byte, error) {
	type plain Value
	if !math.IsNaN(v.V) && !math.IsInf(v.V, 0) {
		return json.Marshal(plain(v))
	}
	return json.Marshal(struct {
		plain
		V string `json:"v"`
	}{plain(v), strconv.FormatFloat(v.V, 'g', -1, 64)})
}
