package rules

import "time"

// Ack is an acknowledgement: a person works on an alert, so it is not repeated.
type Ack struct {
	Alert string    `json:"alert"` // Alert.ID
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Note  string    `json:"note,omitempty"`
}
