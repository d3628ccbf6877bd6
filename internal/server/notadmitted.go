package server

import (
	"errors"
	"net/http"
	"strings"

	"guardian/internal/reason"
)

// The routes by which a run is answered.
const (
	answerCall = "POST /api/v1/rollbacks/{id}/{decision}"
	answerForm = "POST /rollbacks/{id}"
)

// noteNotAdmitted records that somebody tried to answer a run who may not. Guesses at tokens are counted
// elsewhere.
func (s *Server) noteNotAdmitted(r *http.Request, e entry, by Caller, err error) {
	var decision Decision
	switch e.pattern {
	case answerCall:
		decision = Decision(r.PathValue("decision"))
	case answerForm:
		decision = Decision(r.PostFormValue("decision"))
	default:
		return
	}
	code := "answer_other_site"
	switch {
	case errors.Is(err, errLogin), errors.Is(err, ErrUnauthenticated):
		code = "answer_not_logged_in"
	case errors.Is(err, ErrGuesses):
		return
	case by.Name != "" && !by.Role.Includes(e.need):
		code = "answer_not_allowed"
	}
	s.notAdmitted(r, r.PathValue("id"), by, RefusedAnswer{Decision: decision, Why: reason.New(code)})
}

// noteNoAnswer records that somebody requested the address of an answer with another method, as a chat does
// that fetches the links of a message.
func (s *Server) noteNoAnswer(r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/rollbacks/"), "/")
	if len(parts) != 2 {
		return
	}
	by, err := s.access.caller(r, true)
	if err != nil {
		by = Caller{}
	}
	s.notAdmitted(r, parts[0], by, RefusedAnswer{Decision: Decision(parts[1]), Why: reason.New("answer_by_get")})
}

func (s *Server) notAdmitted(r *http.Request, id string, by Caller, a RefusedAnswer) {
	if a.Who = by.Name; a.Who == "" {
		a.Who = s.access.guesses.client(r).String()
	}
	if a.Decision.known() {
		s.options.Backend.RunControl.NotAdmitted(r.Context(), id, a)
	}
}
