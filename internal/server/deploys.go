package server

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/watch"
)

// Filter narrows a list. The zero value asks for everything.
type Filter struct {
	Service     string
	Environment string
	State       string
	Trigger     string    // runs only: verdict, alert, person or drill
	Open        bool      // only what is not final
	Since       time.Time // only what began at or after it
	Limit       int       // always > 0 when it comes from the server; at most 1000
}

// Deploys takes announcements of deploys.
type Deploys interface {
	// Announce journals a deploy and opens or extends its watch. The answer of a repeated
	// IdempotencyKey with the same BodyHash is the journalled first one; with another
	// BodyHash it is ErrIdempotencyMismatch. Two calls at once with one key announce once.
	// Refusals (NotFoundError, InvalidError) are not kept: the same key may be tried again. A
	// deploy that has happened is never refused: one through a closed gate is watched too, and
	// its GateClosed says why the gate was closed.
	Announce(ctx context.Context, r DeployRequest, by Caller) (Announced, error)
	// EndDeploy takes the end of a deploy that was announced with Begins; a NotFoundError for one that
	// is not known. A repeated end changes nothing, and neither does that of a deploy that is
	// watched as one that had happened.
	EndDeploy(ctx context.Context, id string, end DeployEnd, by Caller) (Announced, error)
	// DeployList gives deploys, newest first.
	DeployList(ctx context.Context, f Filter) ([]watch.Deploy, error)
}

// DeployRequest is the body of the post-deploy hook. What is left out is the zero value,
// except Reversible, which is true.
type DeployRequest struct {
	Service         string
	Version         string
	PreviousVersion string
	Environment     string // "" when left out: the service's own
	Shops           []string
	KnownGood       bool
	Kind            watch.Kind // "" when left out: code
	Author          string
	Ticket          string
	URL             string
	Reversible      bool
	At              time.Time     // zero when left out: now
	WatchFor        time.Duration // 0 when left out: the service's
	WatchMode       watch.Mode    // "" when left out: the service's

	Begins     bool          // phase start: the end will be announced
	FirstTried time.Duration // how long ago the call was tried first; 0: now
	Clock      time.Time     // what the caller's clock says; zero: left out

	IdempotencyKey string // "" when there was none
	BodyHash       string // SHA-256 of the body without what changes when a call is repeated, hex
	RawHash        string // of the body as it was sent
}

// Announced is the answer to an announcement. It round-trips through JSON, so that the
// journal can keep it beside the idempotency key.
type Announced struct {
	Deploy watch.Deploy `json:"deploy"`
	Watch  Watch        `json:"watch"`
	// Warnings are what cannot work about it.
	Warnings []reason.Reason `json:"warnings,omitempty"`
}

const (
	maxName    = 200 // bytes of a service, version, shop, …
	maxShops   = 200
	maxReason  = 1 << 10
	maxWatch   = 7 * 24 * time.Hour
	maxAhead   = 5 * time.Minute // how far the caller's clock may be ahead
	maxWait    = 5 * time.Minute
	listLimit  = 50
	listLimits = 1000
)

// phaseStart announces a deploy that begins now, and whose end will be announced.
const phaseStart = "start"

// environmentShape is what the configuration takes for an environment too.
var environmentShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// announce is the post-deploy hook.
func (s *Server) announce(deploys Deploys) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, hash, err := body(w, r, false)
		if err != nil {
			return err
		}
		request, err := deployRequest(o, s.now())
		if err != nil {
			return err
		}
		request.BodyHash, request.RawHash = o.hashWithout("first_tried", "clock"), hash
		request.IdempotencyKey = r.Header.Get("Idempotency-Key")
		if why := badText(request.IdempotencyKey, 255); why != "" {
			return &statusError{http.StatusBadRequest, "the header Idempotency-Key " + why}
		}
		answer, err := deploys.Announce(r.Context(), request, by)
		if err != nil {
			return err
		}
		w.Header().Set("Location", s.link("/api/v1/watches/"+answer.Watch.ID))
		return s.writeAnnounced(w, http.StatusCreated, answer)
	}
}

// DeployEnd is how a deploy ended.
type DeployEnd struct {
	Status    int  // the exit status of the command that deployed
	Withdrawn bool // nothing was deployed
}

// writeAnnounced answers an announcement.
func (s *Server) writeAnnounced(w http.ResponseWriter, status int, answer Announced) error {
	return writeJSON(w, status, struct {
		Deploy   watch.Deploy    `json:"deploy"`
		Watch    watchView       `json:"watch"`
		Gate     Gate            `json:"gate"`
		Warnings []reason.Reason `json:"warnings"`
	}{answer.Deploy, s.viewWatch(answer.Watch), gateOf(answer.Deploy), orEmpty(answer.Warnings)})
}

// endDeploy takes the end of a deploy that was announced with phase start.
func (s *Server) endDeploy(deploys Deploys) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, true)
		if err != nil {
			return err
		}
		end := DeployEnd{Status: o.number("exit_status"), Withdrawn: !o.flag("deployed", true)}
		if err := o.done(); err != nil {
			return err
		}
		answer, err := deploys.EndDeploy(r.Context(), r.PathValue("id"), end, by)
		if err != nil {
			return err
		}
		return s.writeAnnounced(w, http.StatusOK, answer)
	}
}

// deployRequest reads the hook's body.
func deployRequest(o *object, now time.Time) (DeployRequest, error) {
	q := DeployRequest{
		Service:         o.required("service", maxName),
		Version:         o.version("version", true),
		PreviousVersion: o.version("previous_version", false),
		Environment:     o.text("environment", maxName),
		Shops:           o.texts("shops", maxShops, maxName),
		KnownGood:       o.flag("known_good", false),
		Kind:            watch.Kind(o.oneOf("kind", string(watch.Code), string(watch.Config), string(watch.Operation))),
		Author:          o.text("author", maxName),
		Ticket:          o.text("ticket", maxName),
		URL:             o.text("url", 2048),
		Reversible:      o.flag("reversible", true),
		At:              o.time("at"),
		Begins:          o.oneOf("phase", phaseStart) == phaseStart,
		FirstTried:      o.age("first_tried"),
		Clock:           o.time("clock"),
	}
	if q.Begins && !q.At.IsZero() {
		o.wrong("at", "a deploy that begins now has not happened yet; leave it out")
	}
	if q.FirstTried > maxWatch {
		o.wrong("first_tried", "is longer than 7d")
	}
	at := q.At
	if !q.Clock.IsZero() && !at.IsZero() { // how long ago it was, by one clock
		at = now.Add(at.Sub(q.Clock))
	}
	if u, err := url.Parse(q.URL); q.URL != "" && (err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "") {
		o.wrong("url", "expected an address such as https://ci.example.com/1234")
	}
	if at.After(now.Add(maxAhead)) {
		o.wrong("at", "lies in the future: announce a deploy when it has happened, and check this machine's clock")
	}
	if !at.IsZero() && now.Sub(at) > maxWatch {
		o.wrong("at", "lies more than 7d back: no watch could tell what it changed; leave at out if it was deployed just now")
	}
	if q.Environment != "" && !environmentShape.MatchString(q.Environment) {
		o.wrong("environment", "cannot be a name: use letters, digits, dots, dashes and underscores, at most 100")
	}
	how := o.object("watch")
	q.WatchFor = how.duration("for")
	if q.WatchFor > maxWatch {
		how.wrong("for", "is longer than 7d")
	}
	q.WatchMode = watch.Mode(how.oneOf("mode", string(watch.Auto), string(watch.Approve), string(watch.Observe)))
	slices.Sort(q.Shops)
	q.Shops = slices.Compact(q.Shops)
	return q, o.done()
}

func (*Server) deploys(from Deploys) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := filter(r)
		if err != nil {
			return err
		}
		list, err := from.DeployList(r.Context(), f)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"deploys": orEmpty(list)})
	}
}

// filter reads the parameters that lists have in common.
func filter(r *http.Request) (Filter, error) {
	q := r.URL.Query()
	f := Filter{
		Service: q.Get("service"), Environment: q.Get("environment"), State: q.Get("state"), Trigger: q.Get("trigger"),
		Limit: listLimit,
	}
	var wrong []FieldError
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > listLimits {
			wrong = append(wrong, FieldError{"?limit", "expected a number from 1 to 1000"})
		}
		f.Limit = n
	}
	if v := q.Get("open"); v != "" {
		open, err := strconv.ParseBool(v)
		if err != nil {
			wrong = append(wrong, FieldError{"?open", "expected true or false"})
		}
		f.Open = open
	}
	if v := q.Get("since"); v != "" {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			wrong = append(wrong, FieldError{"?since", "expected a time such as 2026-11-22T10:00:00Z"})
		}
		f.Since = t.UTC()
	}
	if len(wrong) > 0 {
		return Filter{}, &InvalidError{Fields: wrong}
	}
	return f, nil
}

// hold reads wait= and takes a place among those who wait; give it back with free.
func (s *Server) hold(w http.ResponseWriter, r *http.Request) (wait time.Duration, free func(), err error) {
	text := r.URL.Query().Get("wait")
	if text == "" || text == "0" {
		return 0, func() {}, nil
	}
	d, err := model.ParseDuration(text)
	if err != nil || time.Duration(d) > maxWait {
		return 0, nil, &InvalidError{Fields: []FieldError{{"?wait", "expected a duration such as 60s, at most 5m"}}}
	}
	select {
	case s.waits <- struct{}{}:
	default:
		return 0, nil, ErrBusy
	}
	// The listener's write deadline is for answers that are not held; where there is none to
	// lift, nothing has to be.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	return time.Duration(d), func() { <-s.waits }, nil
}

// orEmpty makes an empty list [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
