package server

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"guardian/rules"
)

type alertsView struct {
	Open, Resolved []alertRow
	Silences       []Silence
}

type alertRow struct {
	Alert
	Pairs    []string // labels as matchers, without the name and tier
	Matchers string   // for the silence form: one in each line
}

func sortAlerts(list []Alert) {
	tiers := map[rules.Tier]int{rules.Critical: 0, rules.Warning: 1, rules.Info: 2}
	states := map[rules.State]int{rules.Firing: 0, rules.Pending: 1, rules.Resolved: 2}
	slices.SortStableFunc(list, func(a, b Alert) int {
		return cmp.Or(
			cmp.Compare(states[a.State], states[b.State]), cmp.Compare(tiers[a.Tier], tiers[b.Tier]),
			b.ActiveAt.Compare(a.ActiveAt), cmp.Compare(a.ID, b.ID),
		)
	})
}

func (s *Server) alertsPage(w http.ResponseWriter, r *http.Request, by Caller) error {
	list, err := s.backend.AlertList(r.Context())
	if err != nil {
		return err
	}
	silences, err := s.backend.SilenceList(r.Context())
	if err != nil {
		return err
	}
	list = slices.Clone(list)
	sortAlerts(list)
	v := alertsView{Silences: slices.DeleteFunc(slices.Clone(silences), func(q Silence) bool { return !q.Until.After(s.now()) })}
	for _, a := range list {
		row := newAlertRow(a)
		if a.State == rules.Resolved {
			v.Resolved = append(v.Resolved, row)
		} else {
			v.Open = append(v.Open, row)
		}
	}
	return s.render(w, r, http.StatusOK, "alerts", s.pages.language(r).T("alerts.title"), 15, by, v)
}

func newAlertRow(a Alert) alertRow {
	row := alertRow{Alert: a}
	matchers := []string{fmt.Sprintf("alertname=%q", a.Rule)}
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		pair := fmt.Sprintf("%s=%q", name, a.Labels[name])
		if name != "alertname" && name != "tier" && name != "__name__" {
			row.Pairs = append(row.Pairs, pair)
			matchers = append(matchers, pair)
		}
	}
	row.Matchers = strings.Join(matchers, "\n")
	return row
}

func (s *Server) ackForm(w http.ResponseWriter, r *http.Request, by Caller) error {
	id, note := r.PostFormValue("alert"), r.PostFormValue("note")
	if why := badText(note, maxReason); why != "" {
		return &InvalidError{Fields: []FieldError{{"/note", why}}}
	}
	if r.PostFormValue("undo") != "" {
		if err := s.backend.UnackAlert(r.Context(), id, by); err != nil {
			return err
		}
		back(w, r, "/alerts", "unack")
		return nil
	}
	if _, err := s.backend.AckAlert(r.Context(), id, note, by); err != nil {
		return err
	}
	back(w, r, "/alerts", "ack")
	return nil
}

func (s *Server) silenceForm(w http.ResponseWriter, r *http.Request, by Caller) error {
	var wrong []FieldError
	fault := func(name, format string, args ...any) {
		wrong = append(wrong, FieldError{"/" + strings.ReplaceAll(name, "\x00", "/"), fmt.Sprintf(format, args...)})
	}
	q := SilenceRequest{Comment: strings.TrimSpace(r.PostFormValue("comment"))}
	for line := range strings.Lines(r.PostFormValue("matchers")) {
		if line = strings.TrimSpace(line); line != "" {
			q.Matchers = append(q.Matchers, line)
		}
	}
	if len(q.Matchers) > maxMatchers {
		fault("matchers", "has more than %d entries", maxMatchers)
	}
	length, err := durationParam(r.PostFormValue("for"))
	if err != nil || length <= 0 {
		fault("for", "expected a duration such as 2h")
		length = time.Hour
	}
	q.Until = s.now().Add(length)
	if q.Comment == "" {
		fault("comment", "is required")
	} else if why := badText(q.Comment, maxReason); why != "" {
		fault("comment", "%s", why)
	}
	checkSilence(&q, s.now(), fault)
	if len(wrong) > 0 {
		return &InvalidError{Fields: wrong}
	}
	if _, err := s.backend.CreateSilence(r.Context(), q, by); err != nil {
		return err
	}
	back(w, r, "/alerts", "silence")
	return nil
}

func (s *Server) expireForm(w http.ResponseWriter, r *http.Request, by Caller) error {
	if err := s.backend.ExpireSilence(r.Context(), r.PostFormValue("id"), by); err != nil {
		return err
	}
	back(w, r, "/alerts", "expire")
	return nil
}

type journalView struct {
	JournalPage
	Filter   JournalFilter
	Services []string
}

func (s *Server) journalPage(w http.ResponseWriter, r *http.Request, by Caller) error {
	f, err := journalFilter(r)
	if err != nil {
		return err
	}
	entries, err := s.backend.Entries(r.Context(), f)
	if err != nil {
		return err
	}
	services, err := s.backend.ServiceList(r.Context())
	if err != nil {
		return err
	}
	v := journalView{JournalPage: entries, Filter: f}
	for _, one := range services {
		v.Services = append(v.Services, one.Name)
	}
	return s.render(w, r, http.StatusOK, "journal", s.pages.language(r).T("journal.title"), 0, by, v)
}
