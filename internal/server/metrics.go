package server

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/chatops"
)

type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	forwarded *prometheus.CounterVec
	cache     *prometheus.CounterVec
	links     *prometheus.CounterVec
	clicks    *prometheus.CounterVec
	commands  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_http_requests_total",
			Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "guardian_http_request_duration_seconds",
			Help:    "How long answers took, by route; requests with wait= are not counted.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "guardian_http_requests_in_flight",
			Help: "Requests being answered, among them those that wait for a verdict.",
		}),
		forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_http_forwarded_total",
			Help: "Writes that a standby passed on to the active guardian, by result.",
		}, []string{"result"}),
		cache: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_http_report_cache_total",
			Help: "Look-ups of rendered report fragments, by result.",
		}, []string{"result"}),
		links: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_action_links_total",
			Help: "Links of messages that were followed, by action and result; shown is a page that asks for confirmation.",
		}, []string{"action", "result"}),
	}
	m.clicks = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guardian_slack_clicks_total",
		Help: "Calls of Slack about clicks on buttons, by result; refused is one that was answered with the reason.",
	}, []string{"result"})
	for _, result := range []string{clickDone, clickRefused, clickForged, clickOld, clickReplayed, clickFailed} {
		m.clicks.WithLabelValues(result)
	}
	m.commands = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guardian_chat_commands_total",
		Help: "Commands that people wrote in a chat, by messenger and result; refused is one from elsewhere than a receiver's chat.",
	}, []string{"messenger", "result"})
	for _, messenger := range []string{"slack", "dingtalk"} {
		for _, result := range []string{clickDone, clickRefused, clickReplayed, clickFailed} {
			m.commands.WithLabelValues(messenger, result)
		}
	}
	for _, action := range chatops.Actions() {
		for _, result := range linkResults() {
			m.links.WithLabelValues(string(action), result)
		}
	}
	for _, r := range []string{"answered", "unreachable", "nobody", "loop"} {
		m.forwarded.WithLabelValues(r)
	}
	for _, r := range []string{"hit", "miss"} {
		m.cache.WithLabelValues(r)
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.inFlight, m.forwarded, m.cache, m.links, m.clicks, m.commands} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
