package actions

import (
	"errors"
	"strings"

	"guardian/internal/reason"
	"guardian/internal/secret"
)

// stepError is an error of a step that is kept as a reason: people read it in their own
// language.
type stepError struct {
	why   reason.Reason
	cause error // for errors.Is; its text is not shown
}

func (e *stepError) Error() string { return e.why.String() }
func (e *stepError) Unwrap() error { return e.cause }

// Failure makes the error of something that was tried and did not succeed. The causes are for
// errors.Is: their words, if any, are values of why.
func Failure(why reason.Reason, causes ...error) error {
	return &stepError{why, errors.Join(causes...)}
}

// Lost makes the error of something that may or may not have happened.
func Lost(why reason.Reason, causes ...error) error {
	return Failure(why, append(causes, ErrUnclear)...)
}

// ReasonOf gives the reason of an error: the text of one that did not come from Failure or Lost.
func ReasonOf(err error) reason.Reason {
	var e *stepError
	if errors.As(err, &e) {
		return e.why
	}
	return reason.Text(err.Error())
}

// RedactError takes secrets and control characters out of an error of a step.
func RedactError(err error, redactors ...*secret.Redactor) error {
	if err == nil {
		return nil
	}
	return &stepError{ReasonOf(err).Redact(func(text string) string { return Shown(text, redactors...) }), err}
}

// bounded shortens each text in a reason and takes control characters out of it: it goes into the
// journal, into messages and onto pages.
func bounded(why reason.Reason) reason.Reason {
	const limit = 2 << 10
	return why.Redact(func(text string) string {
		text = printable(text)
		if len(text) > limit {
			text = strings.ToValidUTF8(text[:limit], "") + "…"
		}
		return text
	})
}
