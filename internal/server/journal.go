package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"guardian/internal/reason"
)

// Journal reads what happened.
type Journal interface {
	// Entries gives entries, newest first.
	Entries(ctx context.Context, f JournalFilter) (JournalPage, error)
}

// JournalFilter narrows the journal.
type JournalFilter struct {
	Service string
	Before  string // JournalPage.Next of the page before; "" for the newest
	Limit   int
}

// JournalPage is a stretch of the journal. Next is "" at its end.
type JournalPage struct {
	Entries []JournalEntry `json:"entries"`
	Next    string         `json:"next,omitempty"`
}

// JournalEntry is one thing that happened.
type JournalEntry struct {
	At      time.Time     `json:"at"`
	Who     string        `json:"who"`  // a token's name, or "guardian"
	What    string        `json:"what"` // deploy, verdict, run, approve, reload, silence, …
	Subject string        `json:"subject,omitempty"`
	Detail  reason.Reason `json:"detail,omitzero"`
	// Path is the page about it, such as /watches/w_1; "" when there is none.
	Path string `json:"path,omitempty"`
}

func (*Server) journal(from Journal) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := journalFilter(r)
		if err != nil {
			return err
		}
		entries, err := from.Entries(r.Context(), f)
		if err != nil {
			return err
		}
		entries.Entries = orEmpty(entries.Entries)
		return writeJSON(w, http.StatusOK, entries)
	}
}

func journalFilter(r *http.Request) (JournalFilter, error) {
	q := r.URL.Query()
	f := JournalFilter{Service: q.Get("service"), Before: q.Get("before"), Limit: 100}
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > listLimits {
			return f, &InvalidError{Fields: []FieldError{{"?limit", "expected a number from 1 to 1000"}}}
		}
		f.Limit = n
	}
	return f, nil
}

type journalView struct {
	JournalPage
	Filter   JournalFilter
	Services []string
}

func (s *Server) journalPage(journal Journal, services Services) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		f, err := journalFilter(r)
		if err != nil {
			return err
		}
		entries, err := journal.Entries(r.Context(), f)
		if err != nil {
			return err
		}
		services, err := services.ServiceList(r.Context())
		if err != nil {
			return err
		}
		v := journalView{JournalPage: entries, Filter: f}
		for _, one := range services {
			v.Services = append(v.Services, one.Name)
		}
		return s.render(w, r, http.StatusOK, "journal", s.pages.language(r).T("journal.title"), 0, by, v)
	}
}
