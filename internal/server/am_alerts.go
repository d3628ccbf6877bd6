package server

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/notifiers/route"
)

// RoutedAlert is a firing alert with the routes that it takes, and what keeps it from people.
type RoutedAlert struct {
	Alert
	// Known are the labels by which Alertmanager's API knows it: those that it was sent with or, for
	// one of our own, those by which it is routed.
	Known       map[string]string
	Routes      []AlertRoute
	InhibitedBy []string // IDs of the alerts
	// EndsAt is until when the alert fires if nothing more is heard of it.
	EndsAt time.Time
	// GeneratorURL leads to what made the alert, for one that was sent here; "": the guardian itself.
	GeneratorURL string
}

// AlertRoute is a route that an alert takes.
type AlertRoute struct {
	Receiver string
	Group    route.Group
	// MutedBy are the time intervals that keep the route's notices back now; nil: none.
	MutedBy []string
}

// amAlert is an alert in Alertmanager's API.
type amAlert struct {
	Annotations  map[string]string `json:"annotations"`
	EndsAt       amTime            `json:"endsAt"`
	Fingerprint  string            `json:"fingerprint"`
	Receivers    []amReceiver      `json:"receivers"`
	StartsAt     amTime            `json:"startsAt"`
	Status       amAlertStatus     `json:"status"`
	UpdatedAt    amTime            `json:"updatedAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
	Labels       map[string]string `json:"labels"`
}

type amAlertStatus struct {
	InhibitedBy []string `json:"inhibitedBy"`
	MutedBy     []string `json:"mutedBy"`
	SilencedBy  []string `json:"silencedBy"`
	State       string   `json:"state"` // active or suppressed
}

type amGroup struct {
	Alerts      []amAlert         `json:"alerts"`
	Labels      map[string]string `json:"labels"`
	Receiver    amReceiver        `json:"receiver"`
	RouteLabels map[string]string `json:"routeLabels"`
}

func fingerprint(labels map[string]string) string {
	set := make(model.LabelSet, len(labels))
	for name, value := range labels {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set.Fingerprint().String()
}

// asAM converts an alert. others are the fingerprints of all alerts, by ID.
func (s *Server) asAM(a RoutedAlert, others map[string]string) amAlert {
	labels := orEmptyMap(a.Known)
	out := amAlert{
		Labels: labels, Annotations: orEmptyMap(a.Annotations), Fingerprint: fingerprint(labels), GeneratorURL: cmp.Or(a.GeneratorURL, s.link("/alerts")),
		StartsAt: amTime{a.FiredAt}, UpdatedAt: amTime{a.LastEval}, EndsAt: amTime{a.EndsAt}, Receivers: []amReceiver{},
		Status: amAlertStatus{InhibitedBy: []string{}, MutedBy: []string{}, SilencedBy: append([]string{}, a.Silences...), State: "active"},
	}
	for _, id := range a.InhibitedBy {
		out.Status.InhibitedBy = append(out.Status.InhibitedBy, cmp.Or(others[id], id))
	}
	if len(out.Status.SilencedBy)+len(out.Status.InhibitedBy) > 0 {
		out.Status.State = "suppressed"
	}
	for _, r := range a.Routes {
		out.Receivers = append(out.Receivers, amReceiver{r.Receiver})
	}
	return out
}

// amQuery is which alerts are asked for.
type amQuery struct {
	filter                      route.Matchers
	receiver                    *regexp.Regexp
	labelled                    bool // receivers must have a label, and none has
	active, silenced, inhibited bool
}

func readAMQuery(r *http.Request) (q amQuery, err error) {
	if q.filter, err = amFilter(r, "filter"); err != nil {
		return q, err
	}
	byLabels, err := amFilter(r, "receiver_matchers")
	if err != nil {
		return q, err
	}
	if text := r.URL.Query().Get("receiver"); text != "" {
		if q.receiver, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
			return q, &statusError{http.StatusBadRequest, fmt.Sprintf("failed to parse receiver param: %v", err)}
		}
	}
	q.labelled = !byLabels.Match(nil)
	q.active, q.silenced, q.inhibited = amFlag(r, "active"), amFlag(r, "silenced"), amFlag(r, "inhibited")
	return q, nil
}

func (q amQuery) wantsReceiver(name string) bool {
	return !q.labelled && (q.receiver == nil || q.receiver.MatchString(name))
}

func (q amQuery) wants(a amAlert) bool {
	return q.filter.Match(a.Labels) && (q.active || a.Status.State != "active") && (q.silenced || len(a.Status.SilencedBy) == 0) &&
		(q.inhibited || len(a.Status.InhibitedBy) == 0)
}

// amAll gives all alerts that fire, in both forms, by fingerprint.
func (s *Server) amAll(r *http.Request, from Routing) ([]RoutedAlert, []amAlert, error) {
	routed, err := from.RoutedAlerts(r.Context())
	if err != nil {
		return nil, nil, err
	}
	prints := map[string]string{}
	for _, a := range routed {
		prints[a.ID] = fingerprint(a.Known)
	}
	slices.SortFunc(routed, func(a, b RoutedAlert) int { return cmp.Compare(prints[a.ID], prints[b.ID]) })
	all := make([]amAlert, len(routed))
	for i, a := range routed {
		all[i] = s.asAM(a, prints)
	}
	return routed, all, nil
}

func (s *Server) amAlerts(from Routing) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		q, err := readAMQuery(r)
		if err != nil {
			return err
		}
		_, all, err := s.amAll(r, from)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(a amAlert) bool {
			return !q.wants(a) || !slices.ContainsFunc(a.Receivers, func(r amReceiver) bool { return q.wantsReceiver(r.Name) })
		})
		return writeJSON(w, http.StatusOK, orEmpty(all))
	}
}

func (s *Server) amGroups(from Routing) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		q, err := readAMQuery(r)
		if err != nil {
			return err
		}
		routed, all, err := s.amAll(r, from)
		if err != nil {
			return err
		}
		muted := amFlag(r, "muted")
		groups := map[string]*amGroup{}
		for i, a := range routed {
			for _, to := range a.Routes {
				one := all[i]
				if !q.wants(one) || !q.wantsReceiver(to.Receiver) || to.MutedBy != nil && !muted {
					continue
				}
				if to.MutedBy != nil {
					one.Status.State, one.Status.MutedBy = "suppressed", to.MutedBy
				}
				key := to.Receiver + "/" + to.Group.Key
				if groups[key] == nil {
					groups[key] = &amGroup{Labels: to.Group.Labels, Receiver: amReceiver{to.Receiver}, RouteLabels: map[string]string{}}
				}
				groups[key].Alerts = append(groups[key].Alerts, one)
			}
		}
		list := []*amGroup{}
		for _, key := range slices.Sorted(maps.Keys(groups)) {
			list = append(list, groups[key])
		}
		return writeJSON(w, http.StatusOK, list)
	}
}
