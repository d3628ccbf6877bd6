package server_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
	"guardian/watch"
)

func (m *memory) RunList(_ context.Context, f server.Filter) ([]actions.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []actions.Run
	for _, r := range m.runs {
		if (f.Service == "" || f.Service == r.Service) && (!f.Open || !r.State.Final()) && (f.Trigger == "" || f.Trigger == string(r.Trigger.Kind)) && len(list) < f.Limit {
			list = append(list, r)
		}
	}
	return list, nil
}

func (m *memory) find(id string) (*actions.Run, error) {
	for i := range m.runs {
		if m.runs[i].ID == id {
			return &m.runs[i], nil
		}
	}
	return nil, &server.NotFoundError{What: "run", Name: id}
}

func (m *memory) Run(ctx context.Context, id string, wait time.Duration) (server.RunDetail, error) {
	return waitFor(ctx, m, wait, func() (server.RunDetail, bool, error) {
		r, err := m.find(id)
		if err != nil {
			return server.RunDetail{}, true, err
		}
		return server.RunDetail{Run: *r, Ledger: m.ledger[id]}, r.State.Final(), nil
	})
}

func (m *memory) RunPlan(_ context.Context, q server.RunRequest, _ server.Caller) (p server.RunPlan, err error) {
	defer m.lock(&err)()
	if err != nil {
		return p, err
	}
	svc, err := m.service(q.Service)
	if err != nil {
		return p, err
	}
	if q.Environment, err = in(svc, q.Environment); err != nil {
		return p, err
	}
	p = server.RunPlan{Service: q.Service, Environment: q.Environment, Kind: watch.Code, From: svc.Version, State: actions.Running}
	p.Runbook, p.To = q.Service+"-back", q.To
	if q.To == svc.Version {
		p.State, p.Refusals = actions.Refused, []actions.Refusal{{Code: actions.SameVersion, Detail: reason.Text("it runs")}}
	}
	return p, nil
}

func (m *memory) StartRun(_ context.Context, q server.RunRequest, by server.Caller) (_ actions.Run, err error) {
	defer m.acts(&err)()
	if err != nil {
		return actions.Run{}, err
	}
	svc, err := m.service(q.Service)
	if err != nil {
		return actions.Run{}, err
	}
	if q.Environment, err = in(svc, q.Environment); err != nil {
		return actions.Run{}, err
	}
	if q.To == svc.Version {
		return actions.Run{}, server.Refuse(server.ErrConflict, "%s runs %s already", q.Service, q.To)
	}
	r := actions.Run{
		ID: fmt.Sprintf("r_%d", len(m.runs)+1), Service: q.Service, Environment: q.Environment, Runbook: q.Service + "-back", Rollback: true, From: svc.Version, To: q.To,
		Trigger: actions.Trigger{Kind: actions.ByPerson, Person: by.Name, Reason: reason.Text(q.Reason)}, State: actions.Running, Created: m.now, Started: m.now,
	}
	m.runs = append([]actions.Run{r}, m.runs...)
	return r, nil
}

func (m *memory) AnswerRun(_ context.Context, id string, a server.RunAnswer, by server.Caller) (_ actions.Run, err error) {
	defer m.acts(&err)()
	if err != nil {
		return actions.Run{}, err
	}
	r, err := m.find(id)
	if err != nil {
		return actions.Run{}, err
	}
	if r.State.Final() || (r.Question == nil && a.Decision != server.AbortRun) {
		m.note(by, r.Service, "run_refused_answer", id, reason.Reason{})
		return *r, server.Refuse(server.ErrConflict, "run %s asks nothing: it is %s", id, r.State)
	}
	approval := a.Decision == server.ApproveRun || a.Decision == server.RejectRun
	if r.Question != nil && a.Decision != server.AbortRun && approval != (r.Question.Code == actions.AskApproval) {
		m.note(by, r.Service, "run_refused_answer", id, reason.Reason{})
		return *r, server.Refuse(server.ErrConflict, "%s is no answer to what run %s asks", a.Decision, id)
	}
	r.Answers = append(r.Answers, actions.Answer{By: by.Name, At: m.now, Decision: string(a.Decision), Note: a.Note})
	r.Question = nil
	switch a.Decision {
	case server.RejectRun:
		r.State, r.Ended = actions.Rejected, m.now
	case server.AbortRun:
		r.State, r.Ended = actions.FailedRun, m.now
	default:
		r.State, r.Started = actions.Running, m.now
	}
	m.move()
	return *r, nil
}

func (m *memory) NotAdmitted(_ context.Context, id string, a server.RefusedAnswer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, err := m.find(id); err == nil {
		m.note(server.Caller{Name: a.Who}, r.Service, "run_refused_answer", id, a.Why)
	}
}

func (m *memory) AlertList(context.Context) ([]server.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(m.alerts)
	for i, a := range all {
		for _, q := range m.silences {
			if q.Mutes(a.Labels, m.now) && !slices.Contains(a.Silences, q.ID) {
				all[i].Silences = append(slices.Clone(all[i].Silences), q.ID)
			}
		}
	}
	return all, nil
}

func (m *memory) OneAlert(_ context.Context, id string) (server.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.alerts {
		if a.ID == id {
			return a, nil
		}
	}
	return server.Alert{}, &server.NotFoundError{What: "alert", Name: id}
}

func (m *memory) AlertNotices(_ context.Context, id string) ([]notifiers.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notices[id], nil
}

func (m *memory) alert(id string) (*server.Alert, error) {
	for i := range m.alerts {
		if m.alerts[i].ID == id && m.alerts[i].State != rules.Resolved {
			return &m.alerts[i], nil
		}
	}
	return nil, &server.NotFoundError{What: "open alert", Name: id}
}

func (m *memory) AckAlert(_ context.Context, id, note string, by server.Caller) (_ rules.Ack, err error) {
	defer m.acts(&err)()
	if err != nil {
		return rules.Ack{}, err
	}
	a, err := m.alert(id)
	if err != nil {
		return rules.Ack{}, err
	}
	a.Ack = &rules.Ack{Alert: id, By: by.Name, At: m.now, Note: note}
	return *a.Ack, nil
}

func (m *memory) UnackAlert(_ context.Context, id string, _ server.Caller) (err error) {
	defer m.acts(&err)()
	if err != nil {
		return err
	}
	a, err := m.alert(id)
	if err != nil || a.Ack == nil {
		return &server.NotFoundError{What: "acknowledgement of alert", Name: id}
	}
	a.Ack = nil
	return nil
}

func (m *memory) SilenceList(context.Context) ([]route.Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.silences), func(q route.Silence) bool { return m.now.Sub(q.Until) >= 24*time.Hour }), nil
}

func (m *memory) CreateSilence(_ context.Context, s route.Silence, by server.Caller) (route.Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.ID, s.By, s.Created = fmt.Sprintf("s_%d", len(m.silences)+1), cmp.Or(s.By, by.Name), m.now
	if s.From.Before(m.now) {
		s.From = m.now
	}
	if err := s.Validate(); err != nil {
		return route.Silence{}, &server.InvalidError{Fields: []server.FieldError{{Detail: err.Error()}}}
	}
	m.silences = append(m.silences, s)
	m.note(by, "", "silence", s.ID, reason.Text(s.Comment))
	return s, nil
}

func (m *memory) Silence(_ context.Context, id string) (route.Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, q := range m.silences {
		if q.ID == id {
			return q, nil
		}
	}
	return route.Silence{}, &server.NotFoundError{What: "silence", Name: id}
}

func (m *memory) ChangeSilence(ctx context.Context, s route.Silence, by server.Caller) (route.Silence, error) {
	before, err := m.Silence(ctx, s.ID)
	if err != nil {
		return route.Silence{}, err
	}
	if !before.MayBecome(s, m.now) {
		_ = m.ExpireSilence(ctx, s.ID, by) // it may have ended
		return m.CreateSilence(ctx, s, by)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Created, s.Updated = before.Created, m.now
	for i := range m.silences {
		if m.silences[i].ID == s.ID {
			m.silences[i] = s
		}
	}
	return s, nil
}

func (m *memory) TakeAlerts(_ context.Context, sent []rules.Sent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var known, others []rules.Alert
	for _, a := range m.alerts {
		if a.Origin != nil {
			known = append(known, a.Alert)
		} else {
			others = append(others, a.Alert)
		}
	}
	next, _, refused := rules.StepSent(known, sent, m.now)
	m.alerts = nil
	for _, a := range slices.Concat(others, next) {
		m.alerts = append(m.alerts, server.Alert{Alert: a})
	}
	return server.InvalidAlerts(refused)
}

func (m *memory) ReceiverNames(context.Context) ([]string, error) {
	return []string{"oncall", "log"}, nil
}

// RoutedAlerts sends all to oncall, warnings to log as well; what is critical inhibits what is not of
// the same service, and log hears nothing at night.
func (m *memory) RoutedAlerts(ctx context.Context) ([]server.RoutedAlert, error) {
	all, err := m.AlertList(ctx)
	if err != nil {
		return nil, err
	}
	var routed []server.RoutedAlert
	for _, a := range all {
		if a.State != rules.Firing {
			continue
		}
		r := server.RoutedAlert{Alert: a, Known: a.Labels, EndsAt: m.now.Add(5 * time.Minute)}
		if a.Origin != nil {
			r.EndsAt, r.GeneratorURL = a.Origin.EndsAt, a.Origin.URL
		}
		group := func(receiver string) route.Group {
			return route.Group{Key: "{}:" + receiver + a.Service(), Labels: map[string]string{"service": a.Service()}}
		}
		r.Routes = append(r.Routes, server.AlertRoute{Receiver: "oncall", Group: group("oncall")})
		if a.Tier == rules.Warning {
			r.Routes = append(r.Routes, server.AlertRoute{Receiver: "log", Group: group("log"), MutedBy: []string{"nights"}})
		}
		for _, o := range all {
			if o.State == rules.Firing && o.Tier == rules.Critical && a.Tier != rules.Critical && o.Service() == a.Service() {
				r.InhibitedBy = []string{o.ID}
			}
		}
		routed = append(routed, r)
	}
	return routed, nil
}

func (m *memory) ExpireSilence(_ context.Context, id string, _ server.Caller) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.silences {
		if m.silences[i].ID == id && m.silences[i].Until.After(m.now) {
			m.silences[i] = m.silences[i].EndedAt(m.now)
			return nil
		}
	}
	return &server.NotFoundError{What: "silence", Which: "that has not ended", Name: id}
}
