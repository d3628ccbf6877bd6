package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"guardian/actions"
	"guardian/internal/reason"
)

// maxSends is how often a request is sent at most, where sending it again does no harm.
const maxSends = 4

// Do sends the request, and waits for the work that it began where the settings say how.
func (w *step) Do(ctx context.Context, call actions.Call) (string, error) {
	var out actions.Clip
	err := w.do(ctx, call, &out)
	return out.Text(w.env.Redactor, &w.local), w.redactError(err)
}

func (w *step) do(ctx context.Context, call actions.Call, out io.Writer) error {
	data, err := call.Data()
	if err != nil {
		return err
	}
	address, err := w.url.Render(data)
	if err != nil {
		return err
	}
	body, err := w.body.Render(data)
	if err != nil {
		return err
	}
	a, err := w.deliver(ctx, webhookRequest{call.Intent, w.s.Method, address, body}, call.Idempotent)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s %s: %s\n%s\n", w.s.Method, hostOf(address), a, bytes.TrimSpace(a.body))
	switch {
	case w.accepts(a.status):
	case a.status >= 300 && a.status < 400:
		return actions.Failure(reason.New("webhook_redirect", "method", w.s.Method, "host", hostOf(address), "status", a))
	case byProxy(a.status):
		return actions.Lost(w.answered(address, a))
	default:
		return actions.Failure(w.answered(address, a))
	}
	if w.poll == nil {
		return nil
	}
	if w.poll.url.UsesAnswer() {
		if data["Answer"], err = a.data(address, w.poll.url.UsesHeader()); err != nil {
			return actions.Lost(reason.New("webhook_needs_answer", "error", actions.ReasonOf(err)))
		}
	}
	return w.pollUntilDone(ctx, polling{call.Intent, data, hostOf(address), out})
}

func (w *step) answered(address string, a answer) reason.Reason {
	return reason.New("webhook_answered", "method", w.s.Method, "host", hostOf(address), "status", a)
}

// deliver sends until there is an answer. It sends again only what surely never arrived, what
// the target refused for being too busy (429), and, of an idempotent step, anything lost.
func (w *step) deliver(ctx context.Context, r webhookRequest, idempotent bool) (answer, error) {
	for try := 1; ; try++ {
		a, err := w.send(ctx, r)
		wait := time.Second << (try - 1)
		var again bool
		switch {
		case err == nil && a.status == http.StatusTooManyRequests && !w.accepts(a.status):
			again = true
			if s, e := strconv.Atoi(a.header.Get("Retry-After")); e == nil && s >= 0 {
				wait = time.Duration(s) * time.Second
			}
		case err == nil:
			again = idempotent && byProxy(a.status) && !w.accepts(a.status)
		default:
			again = neverArrived(err) || idempotent
		}
		if again && try < maxSends && actions.Pause(ctx, wait, nil) {
			continue
		}
		if err == nil {
			return a, nil
		}
		// Without the error itself: the text of resty's holds the address.
		why := reason.New("webhook_lost", "method", r.method, "host", hostOf(r.address), "error", causeOf(err))
		if neverArrived(err) {
			return a, actions.Failure(why)
		}
		return a, actions.Lost(why)
	}
}

// polling is what pollUntilDone needs of the step that it polls for.
type polling struct {
	intent string
	data   map[string]any
	host   string // that answered first: an address made of its answer may not leave it
	out    io.Writer
}

// pollUntilDone asks the target until its answer says done or failed.
func (w *step) pollUntilDone(ctx context.Context, p polling) error {
	if w.poll.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.poll.timeout)
		defer cancel()
	}
	address, err := w.poll.url.Render(p.data)
	if err != nil {
		return actions.Lost(actions.ReasonOf(err))
	}
	if w.poll.url.UsesAnswer() && hostOf(address) != p.host {
		return actions.Lost(reason.New("webhook_other_host", "host", p.host))
	}
	var last reason.Reason
	for {
		a, err := w.send(ctx, webhookRequest{intent: p.intent, method: http.MethodGet, address: address})
		switch {
		case err != nil:
			last = reason.Text(causeOf(err))
		case !a.ok():
			last = reason.Text(a.String())
		default:
			last = reason.Text(w.excerpt(a.body))
			over, err := w.poll.read(a, p.data, p.out)
			if over || err != nil {
				return err
			}
		}
		if !actions.Pause(ctx, w.poll.every, nil) {
			return actions.Lost(reason.New("webhook_poll_timeout", "host", hostOf(address), "last", last))
		}
	}
}

// read tells whether an answer says that the work is over; the error says that it failed.
func (p *poll) read(a answer, data map[string]any, out io.Writer) (over bool, err error) {
	if !gjson.ValidBytes(a.body) {
		return false, nil // the next answer may be JSON
	}
	done, seen, err := p.done.matches(a, data)
	if err != nil {
		return false, actions.Lost(actions.ReasonOf(err))
	}
	if done {
		_, _ = fmt.Fprintf(out, "done: %s\n", seen)
		return true, nil
	}
	if bad, seen, err := p.failed.matches(a, data); err == nil && bad {
		_, _ = fmt.Fprintf(out, "failed: %s\n", bytes.TrimSpace(a.body))
		return true, actions.Failure(reason.New("webhook_target_failed", "seen", seen))
	}
	return false, nil
}

// Status sends the status request, or else polls as Do does. An answer that says neither is that
// of a target that still works.
func (w *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	outcome, detail, err := w.targetStatus(ctx, call)
	return outcome, detail.Redact(func(text string) string { return actions.ClipText(text, w.env.Redactor, &w.local) }), w.redactError(err)
}

func (w *step) targetStatus(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	none := reason.Reason{}
	data, err := call.Data()
	if err != nil {
		return actions.Unclear, none, err
	}
	if w.status == nil {
		if w.poll == nil || w.poll.url.UsesAnswer() {
			return actions.Unclear, reason.New("webhook_no_status_request"), nil
		}
		if err := w.pollUntilDone(ctx, polling{intent: call.Intent, data: data, out: io.Discard}); err != nil {
			return actions.Unclear, actions.ReasonOf(err), nil
		}
		return actions.Happened, reason.New("webhook_done"), nil
	}
	outcome, detail, err := w.askStatus(ctx, call, data)
	if outcome != actions.NotHappened || err != nil || w.status.settle == 0 {
		return outcome, detail, err
	}
	// What was accepted may not show yet: only what is still not there a while later did not happen.
	if !actions.Pause(ctx, w.status.settle, nil) {
		return actions.Pending, reason.New("webhook_settling", "seen", detail), nil
	}
	return w.askStatus(ctx, call, data)
}

// askStatus sends the status request once and reads the answer.
func (w *step) askStatus(ctx context.Context, call actions.Call, data map[string]any) (actions.Outcome, reason.Reason, error) {
	none := reason.Reason{}
	address, err := w.status.url.Render(data)
	if err != nil {
		return actions.Unclear, none, err
	}
	a, err := w.send(ctx, webhookRequest{intent: call.Intent, method: http.MethodGet, address: address})
	if err != nil {
		return actions.Unclear, none, actions.Failure(reason.New("webhook_lost", "method", http.MethodGet, "host", hostOf(address), "error", causeOf(err)))
	}
	answered := reason.New("webhook_answered", "method", http.MethodGet, "host", hostOf(address), "status", a)
	if w.status.saysNot(a.status) {
		return actions.NotHappened, answered, nil
	}
	if !a.ok() {
		return actions.Unclear, none, actions.Failure(answered)
	}
	if !gjson.ValidBytes(a.body) {
		return actions.Unclear, none, actions.Failure(reason.New("webhook_not_json"))
	}
	for _, m := range []struct {
		outcome actions.Outcome
		match   *match
	}{{actions.Happened, w.status.done}, {actions.Failed, w.status.failed}, {actions.NotHappened, w.status.notDone}} {
		matches, seen, err := m.match.matches(a, data)
		if err != nil {
			return actions.Unclear, none, err
		}
		if matches {
			return m.outcome, seen, nil
		}
	}
	return actions.Pending, reason.New("webhook_says_neither", "answer", w.excerpt(a.body)), nil
}
