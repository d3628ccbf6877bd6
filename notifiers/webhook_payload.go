package notifiers

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"
)

// The states of alerts in Alertmanager's payload.
const (
	firing   = "firing"
	resolved = "resolved"
)

// alertmanagerMessage is the payload of Alertmanager's webhooks, version 4, see
// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
type alertmanagerMessage struct {
	Version           string              `json:"version"`
	GroupKey          string              `json:"groupKey"`
	TruncatedAlerts   int                 `json:"truncatedAlerts"`
	Status            string              `json:"status"`
	Receiver          string              `json:"receiver"`
	GroupLabels       map[string]string   `json:"groupLabels"`
	CommonLabels      map[string]string   `json:"commonLabels"`
	CommonAnnotations map[string]string   `json:"commonAnnotations"`
	ExternalURL       string              `json:"externalURL"`
	Alerts            []alertmanagerAlert `json:"alerts"`
}

type alertmanagerAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// alertmanagerPayload renders a notice as Alertmanager would tell it. A notice that is about no
// alerts, such as a verdict, is one alert with the notice's labels and text.
func alertmanagerPayload(n Notice, receiver, externalURL string) alertmanagerMessage {
	g := n.group()
	out := alertmanagerMessage{
		Version: "4", GroupKey: g.Key, TruncatedAlerts: g.Truncated, Status: resolved, Receiver: receiver, ExternalURL: externalURL, GroupLabels: notNil(g.Labels),
	}
	for _, a := range g.Alerts {
		one := alertmanagerAlert{
			Status: resolved, Labels: notNil(a.Labels), Annotations: notNil(a.Annotations), StartsAt: a.StartsAt, EndsAt: a.EndsAt,
			GeneratorURL: a.GeneratorURL, Fingerprint: a.Fingerprint,
		}
		if a.EndsAt.IsZero() {
			one.Status, out.Status = firing, firing
		}
		out.Alerts = append(out.Alerts, one)
	}
	out.CommonLabels = shared(g.Alerts, func(a Alert) map[string]string { return a.Labels })
	out.CommonAnnotations = shared(g.Alerts, func(a Alert) map[string]string { return a.Annotations })
	return out
}

// group returns the group of alerts that a notice is about, or the notice as a group of one.
func (n Notice) group() Group {
	if n.Group != nil {
		return *n.Group
	}
	a := Alert{Labels: maps.Clone(n.Labels), Annotations: map[string]string{"summary": n.title()}, StartsAt: n.Created}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	if a.Labels["alertname"] == "" {
		a.Labels["alertname"] = "GuardianNotice"
	}
	if n.Tier != "" {
		a.Labels["tier"] = n.Tier
	}
	if n.Text != "" {
		a.Annotations["description"] = n.Text
	}
	if len(n.Steps) > 0 {
		a.Annotations["action"] = strings.Join(n.Steps, "\n")
	}
	if len(n.Links) > 0 {
		a.GeneratorURL = n.Links[0].URL
	}
	if n.Tone == Good {
		a.EndsAt = n.Created
	}
	hash := fnv.New64a()
	for _, k := range slices.Sorted(maps.Keys(a.Labels)) {
		_, _ = fmt.Fprintf(hash, "%q=%q,", k, a.Labels[k])
	}
	_, _ = fmt.Fprintf(hash, "%q", n.Key)
	a.Fingerprint = fmt.Sprintf("%016x", hash.Sum64())
	return Group{Key: fmt.Sprintf("{}:{key=%q}", n.Key), Alerts: []Alert{a}}
}

// shared returns the pairs that all alerts have.
func shared(alerts []Alert, pairs func(Alert) map[string]string) map[string]string {
	out := map[string]string{}
	if len(alerts) == 0 {
		return out
	}
	maps.Copy(out, pairs(alerts[0]))
	for _, a := range alerts[1:] {
		have := pairs(a)
		maps.DeleteFunc(out, func(k, v string) bool {
			other, ok := have[k]
			return !ok || other != v
		})
	}
	return out
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
