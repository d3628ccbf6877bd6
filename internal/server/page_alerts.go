package server

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
)

type alertsView struct {
	Open, Resolved []alertRow
	Silences       []route.Silence
	Receivers      []receiverRow
}

type receiverRow struct {
	notifiers.Status
	Median, P99 time.Duration // of Latency
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

func (s *Server) alertsPage(alerts Alerts, silences Silences, process Process) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		list, err := alerts.AlertList(r.Context())
		if err != nil {
			return err
		}
		kept, err := silences.SilenceList(r.Context())
		if err != nil {
			return err
		}
		status, err := process.Status(r.Context())
		if err != nil {
			return err
		}
		list = slices.Clone(list)
		sortAlerts(list)
		v := alertsView{Silences: slices.DeleteFunc(slices.Clone(kept), func(q route.Silence) bool { return !q.Until.After(s.now()) })}
		for _, r := range status.Receivers {
			v.Receivers = append(v.Receivers, receiverRow{r, time.Duration(r.Latency.Median), time.Duration(r.Latency.P99)})
		}
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
}

type alertView struct {
	Alert    Alert
	Pairs    []string
	Matchers string // for the silence form: one in each line
	Notices  []notifiers.Delivery
}

// alertPage shows one alert: who was told what of it, what became of each notice, and why somebody
// was not told.
func (s *Server) alertPage(alerts Alerts) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		alert, err := alerts.OneAlert(r.Context(), r.PathValue("id"))
		if err != nil {
			return err
		}
		row := newAlertRow(alert)
		v := alertView{Alert: alert, Pairs: row.Pairs, Matchers: row.Matchers}
		if v.Notices, err = alerts.AlertNotices(r.Context(), alert.ID); err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "alert", v.Alert.Rule, 15, by, v)
	}
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

func (*Server) ackForm(acks Acks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		id, note := r.PostFormValue("alert"), r.PostFormValue("note")
		if why := badText(note, maxReason); why != "" {
			return &InvalidError{Fields: []FieldError{{"/note", why}}}
		}
		if r.PostFormValue("undo") != "" {
			if err := acks.UnackAlert(r.Context(), id, by); err != nil {
				return err
			}
			back(w, r, "/alerts", "unack")
			return nil
		}
		if _, err := acks.AckAlert(r.Context(), id, note, by); err != nil {
			return err
		}
		back(w, r, "/alerts", "ack")
		return nil
	}
}

func (s *Server) silenceForm(silences Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		var wrong []FieldError
		fault := func(name, format string, args ...any) {
			wrong = append(wrong, FieldError{"/" + strings.ReplaceAll(name, "\x00", "/"), fmt.Sprintf(format, args...)})
		}
		q := route.Silence{Comment: strings.TrimSpace(r.PostFormValue("comment"))}
		var texts []string
		for line := range strings.Lines(r.PostFormValue("matchers")) {
			if line = strings.TrimSpace(line); line != "" {
				texts = append(texts, line)
			}
		}
		if len(texts) > maxMatchers {
			fault("matchers", "has more than %d entries", maxMatchers)
		}
		length, err := durationParam(r.PostFormValue("for"))
		if err != nil || length <= 0 {
			fault("for", "expected a duration such as 2h")
			length = time.Hour
		}
		q.Until = s.now().Add(length)
		if why := neededText(q.Comment, maxReason); why != "" {
			fault("comment", "%s", why)
		}
		q.Matchers = readMatchers(texts, fault)
		checkUntil(q, s.now(), fault)
		if len(wrong) > 0 {
			return &InvalidError{Fields: wrong}
		}
		if _, err := silences.CreateSilence(r.Context(), q, by); err != nil {
			return err
		}
		back(w, r, "/alerts", "silence")
		return nil
	}
}

func (*Server) expireForm(silences Silences) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if err := silences.ExpireSilence(r.Context(), r.PostFormValue("id"), by); err != nil {
			return err
		}
		back(w, r, "/alerts", "expire")
		return nil
	}
}
