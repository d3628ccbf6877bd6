package server

import (
	"context"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"guardian/internal/reason"
)

// OnCall knows who is on call.
type OnCall interface {
	// OnCallList gives every schedule in the order of the configuration: the shift at a time,
	// the next hand-over, and the shifts until another time.
	OnCallList(ctx context.Context, at, until time.Time) ([]OnCallSchedule, error)
}

// OnCallSchedule is one schedule. Contacts of people are not shown.
type OnCallSchedule struct {
	Name     string          `json:"name"`
	Timezone string          `json:"timezone"`
	Fallback string          `json:"fallback,omitempty"` // the receiver that is notified while nobody is on call
	Now      OnCallShift     `json:"now"`
	Next     *OnCallShift    `json:"next,omitempty"` // absent: nobody else within a year
	Shifts   []OnCallShift   `json:"shifts"`
	Problems []reason.Reason `json:"problems"`
}

// OnCallShift is a time in which the same people are on call.
type OnCallShift struct {
	From     time.Time      `json:"from,omitzero"` // zero: more than a year ago
	To       time.Time      `json:"to,omitzero"`   // zero: in more than a year
	People   []OnCallPerson `json:"people"`        // empty: nobody
	Layer    string         `json:"layer,omitempty"`
	Override bool           `json:"override,omitempty"`
}

// OnCallPerson is somebody on call.
type OnCallPerson struct {
	Name     string `json:"name"`
	FullName string `json:"full_name"`
}

const (
	onCallDays    = 14
	mostOnCall    = 92 // days in one answer
	onCallHorizon = 10 * 366 * 24 * time.Hour
)

// onCallTimes reads which time is asked for: now and two weeks from it, unless said otherwise.
func (s *Server) onCallTimes(r *http.Request) (at, until time.Time, err error) {
	now := s.now().UTC()
	at, days := now, onCallDays
	var wrong []FieldError
	if v := r.URL.Query().Get("at"); v != "" {
		if at, err = time.Parse(time.RFC3339, v); err != nil {
			wrong = append(wrong, FieldError{"?at", "expected a time such as 2026-11-27T00:00:00+08:00"})
		} else if at.Before(now.Add(-onCallHorizon)) || at.After(now.Add(onCallHorizon)) {
			wrong = append(wrong, FieldError{"?at", "must be within ten years"})
		}
	}
	if v := r.URL.Query().Get("days"); v != "" {
		if days, err = strconv.Atoi(v); err != nil || days < 1 || days > mostOnCall {
			wrong = append(wrong, FieldError{"?days", "expected a number from 1 to 92"})
		}
	}
	if len(wrong) > 0 {
		return at, until, &InvalidError{Fields: wrong}
	}
	return at.UTC(), at.UTC().AddDate(0, 0, days), nil
}

func (s *Server) onCall(from OnCall) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		at, until, err := s.onCallTimes(r)
		if err != nil {
			return err
		}
		found, err := from.OnCallList(r.Context(), at, until)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"at": at, "schedules": orEmpty(found)})
	}
}

func (s *Server) onCallPage(from OnCall) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		at, until, err := s.onCallTimes(r)
		if err != nil {
			return err
		}
		found, err := from.OnCallList(r.Context(), at, until)
		if err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "oncall", s.pages.language(r).T("oncall.title"), 60, by, found)
	}
}

// Day renders a time of the next days with its day of the week.
func (w locale) Day(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	local := t.In(w.loc)
	return w.element(t, w.Word("weekday", int(local.Weekday()))+" "+local.Format("01-02 15:04"))
}
