package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/flags"
	"guardian/internal/reason"
)

// Flags keeps kill switches.
type Flags interface {
	// FlagList gives every flag in the order of the configuration; ErrBusy while what is set is not known.
	FlagList(ctx context.Context) ([]flags.State, error)
	// Flag gives one flag; ErrNotFound or ErrBusy.
	Flag(ctx context.Context, name string) (flags.State, error)
	// ChangeFlag sets a flag to a variant for a time, or gives it its default back. What cannot be is
	// an InvalidError.
	ChangeFlag(ctx context.Context, q FlagRequest, by Caller) (flags.State, error)
}

// FlagRequest is a change that somebody asks for.
type FlagRequest struct {
	Flag    string
	Variant string        // "": back to the default
	For     time.Duration // from now on, or
	Until   time.Time
	Reason  string
}

// shownFlag is a flag in the API.
type shownFlag struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Owner       string         `json:"owner"`
	Service     string         `json:"service,omitempty"`
	Variant     string         `json:"variant"`
	Value       any            `json:"value"`
	Default     string         `json:"default"`
	Variants    map[string]any `json:"variants"`
	MaxFor      string         `json:"max_for"`
	Set         *shownSetting  `json:"set,omitempty"` // absent: the default holds
}

// shownSetting is why a flag is not at its default, and until when.
type shownSetting struct {
	By     string        `json:"by,omitempty"`
	Run    string        `json:"run,omitempty"`
	Reason reason.Reason `json:"reason,omitzero"`
	At     time.Time     `json:"at"`
	Until  time.Time     `json:"until"`
}

func showFlag(s flags.State) shownFlag {
	v := shownFlag{
		Name: s.Name, Description: s.Description, Owner: s.Owner, Service: s.Service,
		Variant: s.Variant, Value: s.Value, Default: s.Default, Variants: s.Values, MaxFor: model.Duration(s.MaxFor).String(),
	}
	if s.Set {
		v.Set = &shownSetting{By: s.Change.By, Run: s.Change.Run, Reason: s.Change.Reason, At: s.Change.At, Until: s.Change.Until}
	}
	return v
}

func (*Server) flagList(from Flags) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.FlagList(r.Context())
		if err != nil {
			return err
		}
		all := make([]shownFlag, len(list))
		for i, s := range list {
			all[i] = showFlag(s)
		}
		return writeJSON(w, http.StatusOK, map[string]any{"flags": all})
	}
}

func (*Server) setFlag(to Flags) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		q := FlagRequest{
			Flag: r.PathValue("name"), Variant: o.required("variant", maxName), For: o.duration("for"), Until: o.time("until"),
			Reason: o.required("reason", maxReason),
		}
		if q.For > 0 && !q.Until.IsZero() {
			o.wrong("for", "give either for or until")
		}
		if err := o.done(); err != nil {
			return err
		}
		changed, err := to.ChangeFlag(r.Context(), q, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, showFlag(changed))
	}
}

func (*Server) resetFlag(to Flags) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		changed, err := to.ChangeFlag(r.Context(), FlagRequest{Flag: r.PathValue("name")}, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, showFlag(changed))
	}
}

type flagRow struct {
	flags.State
	Others []string // the variants that it may be set to
}

func (s *Server) flagsPage(from Flags) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		list, err := from.FlagList(r.Context())
		if err != nil {
			return err
		}
		rows := make([]flagRow, len(list))
		for i, f := range list {
			rows[i] = flagRow{State: f}
			for _, v := range f.Variants() {
				if v != f.Default {
					rows[i].Others = append(rows[i].Others, v)
				}
			}
		}
		return s.render(w, r, http.StatusOK, "flags", s.pages.language(r).T("flags.title"), 15, by, rows)
	}
}

func (s *Server) flagForm(to Flags) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		q := FlagRequest{Flag: r.PathValue("name"), Variant: r.PostFormValue("variant"), Reason: strings.TrimSpace(r.PostFormValue("reason"))}
		done := "flag_reset"
		if q.Variant != "" {
			done = "flag_set"
			var wrong []FieldError
			var err error
			if q.For, err = durationParam(r.PostFormValue("for")); err != nil || q.For <= 0 {
				wrong = append(wrong, FieldError{"/for", "expected a duration such as 2h"})
			}
			if why := neededText(q.Reason, maxReason); why != "" {
				wrong = append(wrong, FieldError{"/reason", why})
			}
			if len(wrong) > 0 {
				return &InvalidError{Fields: wrong}
			}
		}
		if _, err := to.ChangeFlag(r.Context(), q, by); err != nil {
			return err
		}
		back(w, r, "/flags", done)
		return nil
	}
}
