package server

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

// Checks knows what single checks saw.
type Checks interface {
	// CheckDetail gives one check with its last looks; a NotFoundError when there is none.
	CheckDetail(ctx context.Context, name string) (CheckDetail, error)
}

// Looks knows what the checks of a service saw over a time.
type Looks interface {
	// Looks gives what the checks of a service saw in [from, to], by check, oldest first and
	// at most limit each: when there are more, looks that were Up may be thinned out, never
	// the others.
	Looks(ctx context.Context, service string, from, to time.Time, limit int) (map[string][]Look, error)
}

// Look is one look, without its values.
type Look struct {
	At       time.Time
	Health   sample.Health
	Duration time.Duration
	Reason   reason.Reason
}

// CheckDetail is one check with all that is known of it.
type CheckDetail struct {
	Check
	Service    string
	Timeout    time.Duration
	Path       string // the network path on which it looks
	Control    bool   // it is a control of that path
	Judges     bool   // deploys are judged on it
	Counts     bool   // it counts in the report
	Retries    int    // tries within a look beyond the first
	BurstEvery time.Duration
	BurstFor   time.Duration
	FollowUps  watch.RecheckStats
	Blind      reason.Reason // why it cannot look now; zero when it can
	BlindSince time.Time     // zero when it can
	Settings   []Setting     // of its kind, without secrets
	// Looks are its last looks, Failures those that were not Up, which are kept for longer;
	// newest first.
	Looks, Failures []LookDetail
}

// Setting is one line of a configuration, without secrets.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// LookDetail is one look with what it saw, without secrets.
type LookDetail struct {
	At       time.Time
	Duration time.Duration
	Health   sample.Health
	Raised   bool // made between scheduled ones because the check had failed
	Reason   reason.Reason
	Version  string
	Values   []LookValue
	Detail   string // status line, headers and the beginning of the body, or what else was seen
}

// LookValue is a number that a look measured. Of are its labels that the check does not have.
type LookValue struct {
	Name string  `json:"name"`
	Of   string  `json:"of,omitempty"`
	V    float64 `json:"value"`
}

// checkAnswer is GET /api/v1/checks/{name}. Durations are in seconds.
type checkAnswer struct {
	Name      string             `json:"name"`
	Kind      string             `json:"kind"`
	Service   string             `json:"service"`
	Labels    map[string]string  `json:"labels,omitempty"`
	Every     float64            `json:"every_seconds"`
	Timeout   float64            `json:"timeout_seconds"`
	Path      string             `json:"path"`
	Control   bool               `json:"control"`
	Judges    bool               `json:"judges_deploys"`
	Counts    bool               `json:"counts_for_sla"`
	Retries   int                `json:"retries,omitempty"`
	Burst     *burstAnswer       `json:"burst,omitempty"`
	Health    sample.Health      `json:"health"`
	Since     time.Time          `json:"since,omitzero"`
	Reason    reason.Reason      `json:"reason,omitzero"`
	FollowUps watch.RecheckStats `json:"follow_ups"`
	Settings  []Setting          `json:"settings"`
	Looks     []lookAnswer       `json:"looks"`
	Failures  []lookAnswer       `json:"failures"`
}

type burstAnswer struct {
	Every float64 `json:"every_seconds"`
	For   float64 `json:"for_seconds"`
}

type lookAnswer struct {
	At       time.Time     `json:"at"`
	Duration float64       `json:"duration_seconds"`
	Health   sample.Health `json:"health"`
	Raised   bool          `json:"raised,omitempty"`
	Reason   reason.Reason `json:"reason,omitzero"`
	Version  string        `json:"version,omitempty"`
	Values   []LookValue   `json:"values"`
	Detail   string        `json:"detail,omitempty"`
}

func (*Server) check(from Checks) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		d, err := from.CheckDetail(r.Context(), r.PathValue("name"))
		if err != nil {
			return err
		}
		a := checkAnswer{
			Name: d.Name, Kind: d.Kind, Service: d.Service, Labels: d.Labels, Every: d.Every.Seconds(), Timeout: d.Timeout.Seconds(),
			Path: d.Path, Control: d.Control, Judges: d.Judges, Counts: d.Counts, Retries: d.Retries, FollowUps: d.FollowUps,
			Settings: orEmpty(d.Settings), Looks: lookAnswers(d.Looks), Failures: lookAnswers(d.Failures),
		}
		a.Health, a.Since, a.Reason = d.now()
		if d.BurstEvery > 0 {
			a.Burst = &burstAnswer{Every: d.BurstEvery.Seconds(), For: d.BurstFor.Seconds()}
		}
		return writeJSON(w, http.StatusOK, a)
	}
}

// now gives the check's health, since when, and why; a check that cannot look is unknown.
func (d CheckDetail) now() (sample.Health, time.Time, reason.Reason) {
	switch {
	case !d.Blind.IsZero():
		return sample.Unknown, d.BlindSince, d.Blind
	case d.Last == nil:
		return sample.Unknown, time.Time{}, reason.Reason{}
	default:
		return d.Last.Health, d.Since, d.Last.Reason
	}
}

func lookAnswers(looks []LookDetail) []lookAnswer {
	out := make([]lookAnswer, len(looks))
	for i, l := range looks {
		out[i] = lookAnswer{
			At: l.At, Duration: l.Duration.Seconds(), Health: l.Health, Raised: l.Raised, Reason: l.Reason, Version: l.Version,
			Values: orEmpty(l.Values), Detail: l.Detail,
		}
	}
	return out
}

// checkPageView is the page of one check.
type checkPageView struct {
	CheckDetail
	Health sample.Health
	Since  time.Time
	Reason reason.Reason
	Chart  chart
	// Shown are the last looks and the failures that are older, newest first, each once.
	Shown []LookDetail
	// Follow is how likely a failure lasts until the next raised look; negative: not known.
	Follow float64
}

// Phases are the parts of a look's time, in the order in which they were measured.
func (l LookDetail) Phases() []LookPhase {
	var all []LookPhase
	for _, v := range l.Values {
		if v.Of != "" && strings.HasSuffix(v.Name, "_duration_seconds") || strings.HasSuffix(v.Name, "_stage_seconds") {
			all = append(all, LookPhase{Name: v.Of, Took: time.Duration(v.V * float64(time.Second))})
		}
	}
	return all
}

// Others are the numbers of a look that are no parts of its time.
func (l LookDetail) Others() []LookValue {
	return slices.DeleteFunc(slices.Clone(l.Values), func(v LookValue) bool {
		return v.Of != "" && (strings.HasSuffix(v.Name, "_duration_seconds") || strings.HasSuffix(v.Name, "_stage_seconds"))
	})
}

// MarshalJSON writes a number for which JSON has no word as a text, such as "NaN".
func (v LookValue) MarshalJSON() ([]byte, error) {
	type plain LookValue
	if !math.IsNaN(v.V) && !math.IsInf(v.V, 0) {
		return json.Marshal(plain(v))
	}
	return json.Marshal(struct {
		plain
		V string `json:"value"`
	}{plain(v), strconv.FormatFloat(v.V, 'g', -1, 64)})
}

// LookPhase is one part of a look's time.
type LookPhase struct {
	Name string
	Took time.Duration
}

func (s *Server) checkPage(checks Checks, looks Looks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		d, err := checks.CheckDetail(r.Context(), r.PathValue("name"))
		if err != nil {
			return err
		}
		now := s.now()
		from := now.Add(-3 * time.Hour)
		looks, err := looks.Looks(r.Context(), d.Service, from, now, 800)
		if err != nil {
			return err
		}
		v := checkPageView{CheckDetail: d, Follow: -1, Shown: slices.Clone(d.Looks)}
		v.Health, v.Since, v.Reason = d.now()
		v.Chart = chart{From: lookedFrom(map[string][]Look{d.Name: looks[d.Name]}, from, now), To: now, Rows: []chartRow{{Name: d.Name, Looks: looks[d.Name]}}}
		for _, f := range d.Failures {
			if len(d.Looks) == 0 || f.At.Before(d.Looks[len(d.Looks)-1].At) {
				v.Shown = append(v.Shown, f)
			}
		}
		if n := d.FollowUps.Again + d.FollowUps.Cleared; n > 0 {
			v.Follow = float64(d.FollowUps.Again) / float64(n)
		}
		return s.render(w, r, http.StatusOK, "check", s.pages.language(r).T("check.title", d.Name), 15, by, v)
	}
}
