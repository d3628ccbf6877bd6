package server

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"guardian/notifiers/route"
)

// amSilence is a silence in Alertmanager's API.
type amSilence struct {
	ID          string            `json:"id"`
	Status      *amSilenceStatus  `json:"status,omitempty"`
	UpdatedAt   *amTime           `json:"updatedAt,omitempty"`
	Matchers    []amMatcher       `json:"matchers"`
	StartsAt    *amTime           `json:"startsAt"`
	EndsAt      *amTime           `json:"endsAt"`
	CreatedBy   *string           `json:"createdBy"`
	Comment     *string           `json:"comment"`
	Annotations map[string]string `json:"annotations"`
}

type amSilenceStatus struct {
	State route.SilenceState `json:"state"`
}

type amMatcher struct {
	Name    *string `json:"name"`
	Value   *string `json:"value"`
	IsRegex *bool   `json:"isRegex"`
	IsEqual *bool   `json:"isEqual"` // left out: true, for clients older than it
}

func asAMSilence(q route.Silence, now time.Time) amSilence {
	updated := q.Updated
	if updated.IsZero() {
		updated = q.Created
	}
	out := amSilence{
		ID: q.ID, Status: &amSilenceStatus{q.State(now)}, UpdatedAt: &amTime{updated}, Matchers: []amMatcher{},
		StartsAt: &amTime{q.From}, EndsAt: &amTime{q.Until}, CreatedBy: &q.By, Comment: &q.Comment, Annotations: orEmptyMap(q.Annotations),
	}
	for _, m := range q.Matchers {
		regex, equal := m.Op == route.Regexp || m.Op == route.NotRegexp, m.Op == route.Equal || m.Op == route.Regexp
		out.Matchers = append(out.Matchers, amMatcher{Name: &m.Name, Value: &m.Value, IsRegex: &regex, IsEqual: &equal})
	}
	return out
}

// silence checks what was sent, as Alertmanager does.
func (a amSilence) silence(now time.Time) (route.Silence, error) {
	o := newObject(nil, "")
	for name, missing := range map[string]bool{
		"matchers": len(a.Matchers) == 0, "startsAt": a.StartsAt == nil, "endsAt": a.EndsAt == nil, "createdBy": a.CreatedBy == nil, "comment": a.Comment == nil,
	} {
		if missing {
			o.wrong(name, "is required")
		}
	}
	if err := o.done(); err != nil {
		return route.Silence{}, err
	}
	q := route.Silence{ID: a.ID, From: a.StartsAt.UTC(), Until: a.EndsAt.UTC(), By: *a.CreatedBy, Comment: *a.Comment, Annotations: a.Annotations}
	for i, m := range a.Matchers {
		matcher, err := m.matcher()
		if err != nil {
			o.wrong(fmt.Sprintf("matchers\x00%d", i), "%v", err)
		}
		q.Matchers = append(q.Matchers, matcher)
	}
	if len(q.Matchers) > maxMatchers {
		o.wrong("matchers", "has more than %d entries", maxMatchers)
	}
	for name, text := range map[string]string{"createdBy": q.By, "comment": q.Comment} {
		if len(text) > maxReason {
			o.wrong(name, "is longer than %d bytes", maxReason)
		}
	}
	if !q.From.IsZero() && !q.Until.After(q.From) {
		o.wrong("endsAt", "start time must be before end time")
	} else {
		checkUntil(q, now, func(_, format string, args ...any) { o.wrong("endsAt", format, args...) })
	}
	return q, o.done()
}

func (m amMatcher) matcher() (route.Matcher, error) {
	if m.Name == nil || m.Value == nil || m.IsRegex == nil {
		return route.Matcher{}, fmt.Errorf("name, value and isRegex are required")
	}
	op := route.Equal
	switch equal := m.IsEqual == nil || *m.IsEqual; {
	case *m.IsRegex && equal:
		op = route.Regexp
	case *m.IsRegex:
		op = route.NotRegexp
	case !equal:
		op = route.NotEqual
	}
	return route.NewMatcher(*m.Name, op, *m.Value)
}

func (s *Server) amSilences(from Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		filter, err := amFilter(r, "filter")
		if err != nil {
			return err
		}
		list, err := from.SilenceList(r.Context())
		if err != nil {
			return err
		}
		now := s.now()
		list = slices.DeleteFunc(slices.Clone(list), func(q route.Silence) bool {
			return !amFlag(r, string(q.State(now))) || slices.ContainsFunc(filter, func(m route.Matcher) bool { return !slices.ContainsFunc(q.Matchers, m.Equal) })
		})
		sortSilences(list, now)
		all := []amSilence{}
		for _, q := range list {
			all = append(all, asAMSilence(q, now))
		}
		return writeJSON(w, http.StatusOK, all)
	}
}

// sortSilences sorts as Alertmanager does: active ones by their end, pending ones by their
// beginning, and those that ended last first.
func sortSilences(list []route.Silence, now time.Time) {
	states := []route.SilenceState{route.SilenceActive, route.SilencePending, route.SilenceExpired}
	slices.SortStableFunc(list, func(a, b route.Silence) int {
		state := a.State(now)
		if d := slices.Index(states, state) - slices.Index(states, b.State(now)); d != 0 {
			return d
		}
		switch state {
		case route.SilencePending:
			return a.From.Compare(b.From)
		case route.SilenceActive:
			return a.Until.Compare(b.Until)
		default:
			return b.Until.Compare(a.Until)
		}
	})
}

func (s *Server) amSilence(from Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		q, err := from.Silence(r.Context(), r.PathValue("id"))
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, asAMSilence(q, s.now()))
	}
}

func (s *Server) amSetSilence(silences Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		var sent amSilence
		if err := amBody(w, r, maxBody, &sent); err != nil {
			return err
		}
		q, err := sent.silence(s.now())
		if err != nil {
			return err
		}
		set := silences.CreateSilence
		if q.ID != "" {
			set = silences.ChangeSilence
		}
		q, err = set(r.Context(), q, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]string{"silenceID": q.ID})
	}
}

func (*Server) amExpireSilence(silences Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if err := silences.ExpireSilence(r.Context(), r.PathValue("id"), by); err != nil {
			return err
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}
}
