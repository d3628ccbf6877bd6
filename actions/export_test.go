package actions

import (
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// Clipped gives what is kept of a text that comes in pieces of the given size.
func Clipped(text string, piece int, r *secret.Redactor) string {
	var c Clip
	for len(text) > 0 {
		n := min(max(piece, 1), len(text))
		_, _ = c.Write([]byte(text[:n]))
		text = text[n:]
	}
	return c.Text(r)
}

// StepError makes an error of a step as kinds of steps do, redacted.
func StepError(why reason.Reason, cause error, r *secret.Redactor) error {
	return RedactError(Lost(why, cause), r, nil)
}
