package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"guardian/internal/windows"
)

// Windows keeps the maintenance, the freezes and the holds that people and runbooks announce.
type Windows interface {
	// WindowList gives those that last, are announced, or ended in the last day, by their beginnings.
	WindowList(ctx context.Context) ([]windows.Window, error)
	// AnnounceWindow announces one. What cannot be is an InvalidError.
	AnnounceWindow(ctx context.Context, q WindowRequest, by Caller) (windows.Window, error)
	// EndWindow ends one now, or calls it off before it begins; ErrNotFound, or ErrConflict when it is over.
	EndWindow(ctx context.Context, id string, by Caller) (windows.Window, error)
}

// WindowRequest is a window that somebody wants to announce.
type WindowRequest struct {
	Kind    windows.Kind
	Service string    // "": all
	From    time.Time // zero: now
	To      time.Time
	Reason  string
}

// shownWindow is a window in the API.
type shownWindow struct {
	windows.Window
	State string `json:"state"` // announced, current or over
}

func showWindow(w windows.Window, now time.Time) shownWindow {
	switch {
	case w.Over(now):
		return shownWindow{w, "over"}
	case w.Current(now):
		return shownWindow{w, "current"}
	default:
		return shownWindow{w, "announced"}
	}
}

func (s *Server) windowList(from Windows) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.WindowList(r.Context())
		if err != nil {
			return err
		}
		all := make([]shownWindow, len(list))
		for i, one := range list {
			all[i] = showWindow(one, s.now())
		}
		return writeJSON(w, http.StatusOK, map[string]any{"windows": all})
	}
}

func (s *Server) announceWindow(to Windows) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		q := WindowRequest{
			Kind: windows.Kind(o.oneOf("kind", string(windows.Maintenance), string(windows.Freeze), string(windows.Hold))), Service: o.text("service", maxName),
			From: o.time("from"), To: o.time("to"), Reason: o.required("reason", maxReason),
		}
		switch length := o.duration("for"); {
		case length > 0 && !q.To.IsZero():
			o.wrong("for", "give either for or to")
		case length > 0:
			q.To = s.begin(q.From).Add(length)
		case q.To.IsZero() && len(o.mistakes) == 0:
			o.wrong("for", "is required, such as 2h; or give to")
		}
		if err := o.done(); err != nil {
			return err
		}
		made, err := to.AnnounceWindow(r.Context(), q, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusCreated, showWindow(made, s.now()))
	}
}

// begin gives when a window begins: now, unless something else was said.
func (s *Server) begin(from time.Time) time.Time {
	if from.IsZero() {
		return s.now()
	}
	return from
}

func (s *Server) endWindow(to Windows) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		ended, err := to.EndWindow(r.Context(), r.PathValue("id"), by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, showWindow(ended, s.now()))
	}
}

type windowsData struct {
	Windows  []shownWindow
	Services []Service
}

func (s *Server) windowsPage(from Windows, services Services) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		list, err := from.WindowList(r.Context())
		if err != nil {
			return err
		}
		var v windowsData
		for _, one := range list {
			v.Windows = append(v.Windows, showWindow(one, s.now()))
		}
		// What lasts comes first, and what is over last.
		order := []string{"current", "announced", "over"}
		slices.SortStableFunc(v.Windows, func(x, y shownWindow) int { return slices.Index(order, x.State) - slices.Index(order, y.State) })
		if v.Services, err = services.ServiceList(r.Context()); err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "windows", s.pages.language(r).T("windows.title"), 15, by, v)
	}
}

func (s *Server) windowForm(to Windows) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		q := WindowRequest{
			Kind: windows.Kind(r.PostFormValue("kind")), Service: r.PostFormValue("service"), Reason: strings.TrimSpace(r.PostFormValue("reason")),
		}
		var wrong []FieldError
		length, err := durationParam(r.PostFormValue("for"))
		if err != nil || length <= 0 {
			wrong = append(wrong, FieldError{"/for", "expected a duration such as 2h"})
		}
		if q.Reason == "" {
			wrong = append(wrong, FieldError{"/reason", "is required"})
		} else if why := badText(q.Reason, maxReason); why != "" {
			wrong = append(wrong, FieldError{"/reason", why})
		}
		if len(wrong) > 0 {
			return &InvalidError{Fields: wrong}
		}
		q.From = s.now()
		q.To = q.From.Add(length)
		if _, err := to.AnnounceWindow(r.Context(), q, by); err != nil {
			return err
		}
		back(w, r, "/windows", "window_begun")
		return nil
	}
}

func (*Server) endWindowForm(to Windows) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if _, err := to.EndWindow(r.Context(), r.PathValue("id"), by); err != nil {
			return err
		}
		back(w, r, "/windows", "window_ended")
		return nil
	}
}
