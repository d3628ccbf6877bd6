package server

import (
	"errors"
	"fmt"
	"strings"

	"guardian/internal/spelling"
)

// Errors of the Backend that are the caller's to know. Anything else is answered "internal
// error" and logged. Refuse adds details to a sentinel.
var (
	ErrUnauthenticated     = errors.New("the token is unknown or revoked")
	ErrForbidden           = errors.New("the token's role does not allow this")
	ErrNotFound            = errors.New("not found")
	ErrConflict            = errors.New("this cannot be done in the present state")
	ErrIdempotencyMismatch = errors.New("this Idempotency-Key was used with another body; use a new key for a new request")
	ErrStandby             = errors.New("this guardian stands by and the active one is not known; try again in a few seconds")
	ErrReplayed            = errors.New("this call was made before")
	ErrNoLinks             = errors.New("messages of this guardian have no links to act with")
	errTooLarge            = errors.New("the answer would be longer than 64 MiB: ask for fewer series, a shorter time or a larger step")
	ErrGuesses             = errors.New("too many wrong tokens came from this address; try again in a few seconds")
	ErrBusy                = errors.New("too much is asked at once; try again in a few seconds")
)

// Refuse makes an error of one of the kinds above whose text the caller gets.
func Refuse(kind error, format string, args ...any) error {
	return &refusalError{kind: kind, text: fmt.Sprintf(format, args...)}
}

type refusalError struct {
	kind error
	text string
}

func (e *refusalError) Error() string { return e.text }
func (e *refusalError) Unwrap() error { return e.kind }

// NotFoundError is ErrNotFound with the names that are known.
type NotFoundError struct {
	What  string // service, check, watch, …
	Which string // of these, such as "that has not ended"; "": any
	Name  string
	Of    string   // what it would belong to, such as "service orders"; "": nothing
	Known []string // nil when they are too many to list
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("there is no %s %q", e.What, e.Name)
	if e.Which != "" {
		text += " " + e.Which
	}
	if e.Of != "" {
		text += " of " + e.Of
	}
	if len(e.Known) > 0 {
		text += "; " + spelling.Hint(e.Name, e.Known)
	}
	return text
}

// Is makes it an ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// FieldError is one mistake in a request. Pointer is a JSON pointer (RFC 6901) into the
// body; a query parameter is named as "?name".
type FieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// InvalidError is a well-formed request with mistakes in it.
type InvalidError struct{ Fields []FieldError }

func (e *InvalidError) Error() string {
	parts := make([]string, 0, len(e.Fields))
	for _, f := range e.Fields {
		parts = append(parts, f.Pointer+": "+f.Detail)
	}
	return strings.Join(parts, "; ")
}

// MistakesError is a configuration that did not load.
type MistakesError struct {
	Mistakes []string // one line each: file:line: what is wrong
}

func (e *MistakesError) Error() string { return strings.Join(e.Mistakes, "\n") }
