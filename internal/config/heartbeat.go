package config

import (
	"net/url"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
)

// Heartbeat is a request to an outside service, which raises an alarm when it stays away.
type Heartbeat struct {
	URL   secret.Secret  `yaml:"url" required:"true" doc:"The address that is requested with POST while the guardian is well, such as that of a check at healthchecks.io, Dead Man's Snitch or Uptime Kuma (push)."`
	Every model.Duration `yaml:"every" doc:"How often; set the outside service to expect it within about three times as long. Default: 1m."`
}

func (d *decoder) checkHeartbeat(h *Heartbeat) {
	if h == nil {
		return
	}
	// The URL is a secret: no message quotes it.
	if u, err := url.Parse(h.URL.Reveal()); h.URL.IsSet() && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		d.blame("heartbeat.url", "expected an address such as https://hc-ping.com/…", "")
	}
	if h.Every == 0 {
		h.Every = minute
	}
	if h.Every < 10*second || h.Every > day {
		d.blame("heartbeat.every", "must be between 10s and 1d", "")
	}
}
