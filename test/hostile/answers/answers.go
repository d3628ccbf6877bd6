package answers

import "net/http"

// What the writer says by lines.
const (
	Ready   = "ready"   // its requests are made
	Written = "written" // all different series were written once
)

// Writer is how a writer was answered: its last line, as JSON.
type Writer struct {
	Statuses map[int]int // requests by status; 0: no answer
	Refusal  string      // the first answer to a request whose series were too many
	Slowed   string      // the first answer to a request that was not read
}

// Add adds an answer.
func (w *Writer) Add(status int, text string) {
	if w.Statuses == nil {
		w.Statuses = map[int]int{}
	}
	w.Statuses[status]++
	switch {
	case status == http.StatusTooManyRequests && w.Refusal == "":
		w.Refusal = text
	case status == http.StatusServiceUnavailable && w.Slowed == "":
		w.Slowed = text
	}
}
