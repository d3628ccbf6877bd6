package server

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"guardian/rules"
)

const (
	maxMatchers = 20
	maxSilence  = 90 * 24 * time.Hour
)

func (s *Server) silences(w http.ResponseWriter, r *http.Request, _ Caller) error {
	list, err := s.backend.SilenceList(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"silences": orEmpty(list)})
}

func (s *Server) createSilence(w http.ResponseWriter, r *http.Request, by Caller) error {
	o, _, err := body(w, r, false)
	if err != nil {
		return err
	}
	request := SilenceRequest{
		Matchers: o.texts("matchers", maxMatchers, maxReason),
		From:     o.time("from"),
		Until:    o.time("until"),
		Comment:  o.required("comment", maxReason),
	}
	if length := o.duration("for"); length > 0 {
		if !request.Until.IsZero() {
			o.wrong("for", "give either for or until")
		}
		request.Until = later(request.From, s.now()).Add(length)
	}
	checkSilence(&request, s.now(), o.wrong)
	if err := o.done(); err != nil {
		return err
	}
	silence, err := s.backend.CreateSilence(r.Context(), request, by)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, silence)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// checkSilence says what is wrong with a silence: one that matches everything, or for ever,
// is a guardian that is switched off.
func checkSilence(q *SilenceRequest, now time.Time, wrong func(name, format string, args ...any)) {
	if len(q.Matchers) == 0 {
		wrong("matchers", `is required, for example ["service=\"order-sync\""]`)
	}
	selects := false
	for i, text := range q.Matchers {
		normal, narrow, err := matcher(text)
		if err != nil {
			wrong(fmt.Sprintf("matchers\x00%d", i), `%q is not like service="order-sync": %v`, text, err)
			continue
		}
		q.Matchers[i] = normal
		selects = selects || narrow
	}
	if len(q.Matchers) > 0 && !selects {
		wrong("matchers", "would match every alert; name at least one label's value")
	}
	switch {
	case q.Until.IsZero():
		wrong("until", "is required (or for, a duration)")
	case !q.Until.After(later(q.From, now)):
		wrong("until", "is over already")
	case q.Until.Sub(later(q.From, now)) > maxSilence:
		wrong("until", "is more than 90d away; change the rule instead")
	}
}

// matcher reads one label matcher as PromQL and amtool write it; narrow says that it does
// not match an alert without the label.
func matcher(text string) (normal string, narrow bool, err error) {
	text = strings.TrimSpace(text)
	if name, value, ok := strings.Cut(text, "="); ok && value != "" && !strings.ContainsAny(value, "\"~=`'") && !strings.HasSuffix(name, "!") {
		text = fmt.Sprintf("%s=%q", name, value) // amtool's short form: service=order-sync
	}
	list, err := parser.NewParser(parser.Options{}).ParseMetricSelector("{" + text + "}")
	if err != nil {
		return "", false, fmt.Errorf("it is not a label matcher")
	}
	if len(list) != 1 {
		return "", false, fmt.Errorf("give one matcher in each text")
	}
	return list[0].String(), !list[0].Matches(""), nil
}

func (s *Server) expireSilence(w http.ResponseWriter, r *http.Request, by Caller) error {
	if err := s.backend.ExpireSilence(r.Context(), r.PathValue("id"), by); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// acks lists the open alerts that somebody is on.
func (s *Server) acks(w http.ResponseWriter, r *http.Request, _ Caller) error {
	list, err := s.backend.AlertList(r.Context())
	if err != nil {
		return err
	}
	acks := []Ack{}
	for _, a := range list {
		if a.Ack != nil && a.State != rules.Resolved {
			acks = append(acks, *a.Ack)
		}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"acks": acks})
}

func (s *Server) ack(w http.ResponseWriter, r *http.Request, by Caller) error {
	o, _, err := body(w, r, false)
	if err != nil {
		return err
	}
	alert, note := o.required("alert", maxName), o.text("note", maxReason)
	if err := o.done(); err != nil {
		return err
	}
	ack, err := s.backend.AckAlert(r.Context(), alert, note, by)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, ack)
}

func (s *Server) unack(w http.ResponseWriter, r *http.Request, by Caller) error {
	if err := s.backend.UnackAlert(r.Context(), r.PathValue("alert"), by); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
