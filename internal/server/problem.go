package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"guardian/internal/reason"
)

const problemType = "application/problem+json"

// problem is an RFC 9457 answer.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Errors []FieldError `json:"errors,omitempty"`

	retryAfter int // seconds; 0: no header
}

// statusError is a mistake that only HTTP knows: a wrong method, content type or size.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string { return e.detail }

// statuses maps sentinels to answers. What is not in it, and not one of the error types
// below, is "internal error".
func statuses() []struct {
	err        error
	status     int
	retryAfter int
} {
	return []struct {
		err        error
		status     int
		retryAfter int
	}{
		{ErrUnauthenticated, http.StatusUnauthorized, 0},
		{ErrForbidden, http.StatusForbidden, 0},
		{ErrNotFound, http.StatusNotFound, 0},
		{ErrConflict, http.StatusConflict, 0},
		{ErrIdempotencyMismatch, http.StatusUnprocessableEntity, 0},
		{ErrStandby, http.StatusServiceUnavailable, 5},
		{ErrGuesses, http.StatusTooManyRequests, 5},
		{ErrBusy, http.StatusServiceUnavailable, 5},
	}
}

// explain makes an answer of an error; known is false when the caller may not see it.
func explain(err error) (p problem, known bool) {
	var (
		params   *paramsError
		invalid  *InvalidError
		missing  *NotFoundError
		mistakes *MistakesError
		refusal  *refusalError
		status   *statusError
	)
	switch {
	case errors.As(err, &status):
		p = problem{Status: status.status, Detail: status.detail}
	case errors.As(err, &params):
		p = problem{Status: http.StatusBadRequest, Detail: "the query has mistakes: correct the parameters named in errors", Errors: params.fields}
	case errors.As(err, &invalid):
		p = problem{Status: http.StatusUnprocessableEntity, Detail: "the request has mistakes: correct the fields named in errors", Errors: invalid.Fields}
	case errors.As(err, &mistakes):
		p = problem{Status: http.StatusBadRequest, Detail: "the configuration has mistakes; the one that runs stays"}
		for _, m := range mistakes.Mistakes {
			p.Errors = append(p.Errors, FieldError{Detail: m})
		}
	default:
		for _, s := range statuses() {
			if !errors.Is(err, s.err) {
				continue
			}
			p = problem{Status: s.status, Detail: s.err.Error(), retryAfter: s.retryAfter}
			// Only texts that were written for the caller are shown.
			if errors.As(err, &refusal) {
				p.Detail = refusal.text
			} else if errors.As(err, &missing) {
				p.Detail = missing.Error()
			}
			break
		}
	}
	if p.Status == 0 {
		p = problem{Status: http.StatusInternalServerError, Detail: "internal error; the guardian's log says more"}
		p.Type, p.Title = "about:blank", http.StatusText(p.Status)
		return p, false
	}
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	return p, true
}

// fail turns a handler's error into a problem, and logs what the caller may not see. ok is
// false when the caller has gone and nobody reads an answer.
func (s *Server) fail(r *http.Request, err error) (p problem, ok bool) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return problem{}, false
	}
	p, known := explain(err)
	p.Detail = s.redactor.Redact(p.Detail)
	for i := range p.Errors {
		p.Errors[i].Detail = s.redactor.Redact(p.Errors[i].Detail)
	}
	if !known {
		s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.Pattern, "error", s.redactor.Redact(err.Error()))
	}
	return p, true
}

// headers sets those of an error of any style.
func (p problem) headers(w http.ResponseWriter) {
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="guardian"`)
	}
	w.Header().Set("Cache-Control", "no-store")
}

func writeProblem(w http.ResponseWriter, p problem) {
	p.headers(w)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(reason.Translate(reason.Reader{}, p))
}

// writeJSON answers v; reasons in it are rendered in English and UTC.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(reason.Translate(reason.Reader{}, v))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	return nil
}
