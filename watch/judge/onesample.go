package judge

// State is what a OneSample test remembers: it is all of its evidence.
type State struct {
	N int `json:"n"` // judged observations
	K int `json:"k"` // failures among them
}
