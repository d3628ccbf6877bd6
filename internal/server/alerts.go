package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
)

// Alerts reads alerts.
type Alerts interface {
	// AlertList gives pending and firing alerts and those resolved in the last day.
	AlertList(ctx context.Context) ([]Alert, error)
	// OneAlert gives an alert, also one that resolved long ago; ErrNotFound when there is none.
	OneAlert(ctx context.Context, id string) (Alert, error)
	// AlertNotices gives the notices about an alert, newest first: to whom, and what became of each.
	AlertNotices(ctx context.Context, id string) ([]notifiers.Delivery, error)
}

// Acks keeps who works on which alert.
type Acks interface {
	// AckAlert acknowledges an alert for the caller; ErrNotFound when it is not open.
	AckAlert(ctx context.Context, id, note string, by Caller) (rules.Ack, error)
	// UnackAlert takes an acknowledgement back; ErrNotFound when there is none.
	UnackAlert(ctx context.Context, id string, by Caller) error
}

// Silences keeps silences.
type Silences interface {
	// SilenceList gives active and coming silences, and those that ended in the last day.
	SilenceList(ctx context.Context) ([]route.Silence, error)
	// Silence gives one silence, also one that ended long ago; ErrNotFound.
	Silence(ctx context.Context, id string) (route.Silence, error)
	// CreateSilence keeps a silence that the caller asks for, from now on or later. ID and Created
	// are given by it, and By when it is empty: the caller. An InvalidError says what is wrong with it.
	CreateSilence(ctx context.Context, s route.Silence, by Caller) (route.Silence, error)
	// ChangeSilence changes the silence of that ID. Where that would change what it muted in the
	// past, it ends, and another one begins that is given back; ErrNotFound.
	ChangeSilence(ctx context.Context, s route.Silence, by Caller) (route.Silence, error)
	// ExpireSilence ends a silence now; ErrNotFound when there is none that has not ended.
	ExpireSilence(ctx context.Context, id string, by Caller) error
}

// Alert is an alert with its acknowledgement, silences and run.
type Alert struct {
	rules.Alert
	Silences []string   `json:"silences,omitempty"` // IDs of the active silences that match it
	Ack      *rules.Ack `json:"ack,omitempty"`
	Run      string     `json:"run,omitempty"` // the run that it triggered
	// Told says who was told what of it, and what keeps others from hearing it; only the leader knows.
	Told []Told `json:"told,omitempty"`
	// Escalation says where its escalation stands.
	Escalation reason.Reason `json:"escalation,omitzero"`
}

// Told is what a receiver knows of an alert.
type Told struct {
	Receiver string        `json:"receiver"`
	State    rules.State   `json:"state,omitempty"` // what it was told last; "": nothing yet
	At       time.Time     `json:"at,omitzero"`
	Waiting  bool          `json:"waiting,omitempty"` // the channel has not accepted that notice yet
	Kept     reason.Reason `json:"kept,omitzero"`     // why it is not told more now
	Until    time.Time     `json:"until,omitzero"`
}

const (
	maxMatchers = 20
	maxSilence  = 90 * 24 * time.Hour
)

func (*Server) silences(from Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.SilenceList(r.Context())
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"silences": orEmpty(list)})
	}
}

func (s *Server) createSilence(silences Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		silence := route.Silence{From: o.time("from"), Until: o.time("until"), Comment: o.required("comment", maxReason)}
		texts := o.texts("matchers", maxMatchers, maxReason)
		if length := o.duration("for"); length > 0 {
			if !silence.Until.IsZero() {
				o.wrong("for", "give either for or until")
			}
			silence.Until = later(silence.From, s.now()).Add(length)
		}
		silence.Matchers = readMatchers(texts, o.wrong)
		if !o.faulty("from", "for", "until") {
			checkUntil(silence, s.now(), o.wrong)
		}
		if err := o.done(); err != nil {
			return err
		}
		created, err := silences.CreateSilence(r.Context(), silence, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusCreated, created)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// readMatchers reads the matchers of a silence. One that matches every alert is refused: it would
// switch the guardian off.
func readMatchers(texts []string, wrong func(name, format string, args ...any)) route.Matchers {
	if len(texts) == 0 {
		wrong("matchers", `is required, for example ["service=\"order-sync\""]`)
		return nil
	}
	var all route.Matchers
	bad := false
	for i, text := range texts {
		if text == "" { // told as such
			bad = true
			continue
		}
		some, err := route.ParseMatchers(text) // as in routes: one, or several in braces or with commas
		if err != nil {
			wrong(fmt.Sprintf("matchers\x00%d", i), `%q is not like service="order-sync": %v`, text, err)
			bad = true
			continue
		}
		all = append(all, some...)
	}
	if len(all) > maxMatchers {
		wrong("matchers", "has more than %d entries", maxMatchers)
	}
	if all.Match(nil) && !bad {
		wrong("matchers", "would match every alert; name at least one label's value")
	}
	return all
}

// checkUntil validates the end of a silence, which must not last for ever.
func checkUntil(q route.Silence, now time.Time, wrong func(name, format string, args ...any)) {
	switch {
	case q.Until.IsZero():
		wrong("until", "is required (or for, a duration)")
	case !q.Until.After(now):
		wrong("until", "is in the past: it is %s now", now.UTC().Format(time.RFC3339))
	case !q.Until.After(q.From):
		wrong("until", "is not after from")
	case q.Until.Sub(later(q.From, now)) > maxSilence:
		wrong("until", "is more than 90d away; change the rule instead")
	}
}

func (*Server) expireSilence(silences Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if err := silences.ExpireSilence(r.Context(), r.PathValue("id"), by); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// alertNotices lists the notices about an alert: to whom, when, and what became of each.
func (*Server) alertNotices(from Alerts) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.AlertNotices(r.Context(), r.PathValue("id"))
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"notices": orEmpty(list)})
	}
}

// acks lists the open alerts that somebody is on.
func (*Server) acks(from Alerts) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.AlertList(r.Context())
		if err != nil {
			return err
		}
		acks := []rules.Ack{}
		for _, a := range list {
			if a.Ack != nil && a.State != rules.Resolved {
				acks = append(acks, *a.Ack)
			}
		}
		return writeJSON(w, http.StatusOK, map[string]any{"acks": acks})
	}
}

func (*Server) ack(acks Acks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		alert, note := o.required("alert", maxName), o.text("note", maxReason)
		if err := o.done(); err != nil {
			return err
		}
		ack, err := acks.AckAlert(r.Context(), alert, note, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusCreated, ack)
	}
}

func (*Server) unack(acks Acks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if err := acks.UnackAlert(r.Context(), r.PathValue("alert"), by); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
