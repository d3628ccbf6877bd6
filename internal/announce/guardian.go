package announce

import (
	"maps"
	"strconv"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers"
)

// BlindBegan is the notice, sent once, that a check has not been able to look for long.
func (t Renderer) BlindBegan(b Blind, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.blind(b, "began", notifiers.Warn, now)
	names := []string{"check", b.Check, "since", t.clock(b.Since, now), "age", t.span(now.Sub(b.Since))}
	n.Title = fill(w.blindBegan, names...)
	n.Text = fill(w.blindBeganText, names...)
	fact(&n, w.problem, t.read(b.Reason, now))
	n.Steps = w.stepsBlind
	t.link(&n, w.linkService, "services", b.Service)
	return n
}

// BlindEnded is the notice that it can look again.
func (t Renderer) BlindEnded(b Blind, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.blind(b, "ended", notifiers.Good, now)
	names := []string{"check", b.Check, "since", t.clock(b.Since, now), "age", t.span(now.Sub(b.Since))}
	n.Title = fill(w.blindEnded, names...)
	n.Text = fill(w.blindEndedText, names...)
	t.link(&n, w.linkService, "services", b.Service)
	return n
}

func (t Renderer) blind(b Blind, event string, tone notifiers.Tone, now time.Time) notifiers.Notice {
	labels := map[string]string{"service": b.Service, "check": b.Check}
	maps.Copy(labels, b.Labels)
	n := t.state("blind/"+b.Check, "blind", event, warning, tone, labels, now)
	w := t.texts()
	fact(&n, w.service, b.Service)
	fact(&n, w.shop, where(b.Labels))
	fact(&n, w.since, t.stamp(b.Since))
	return n
}

// AllBlind is the notice that no check at all can look: the guardian's own network is down.
func (t Renderer) AllBlind(checks int, since time.Time, why reason.Reason, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.state("guardian/sight", "guardian", "sight_lost", critical, notifiers.Bad, nil, now)
	names := []string{"checks", strconv.Itoa(checks), "since", t.clock(since, now), "age", t.span(now.Sub(since))}
	n.Title = fill(w.allBlind, names...)
	n.Text = fill(w.allBlindText, names...)
	n.Mention = true
	fact(&n, w.since, t.stamp(since))
	fact(&n, w.problem, t.read(why, now))
	n.Steps = w.stepsAllBlind
	t.link(&n, w.linkOverview)
	return n
}

// AllSee is the notice that checks can look again.
func (t Renderer) AllSee(checks int, since, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.state("guardian/sight", "guardian", "sight_regained", critical, notifiers.Good, nil, now)
	names := []string{"checks", strconv.Itoa(checks), "since", t.clock(since, now), "age", t.span(now.Sub(since))}
	n.Title = fill(w.allSee, names...)
	n.Text = fill(w.allSeeText, names...)
	fact(&n, w.since, t.stamp(since))
	t.link(&n, w.linkOverview)
	return n
}

// GivenUp is the notice that another notice could not be delivered, with its content.
func (t Renderer) GivenUp(d notifiers.Delivery, now time.Time) notifiers.Notice {
	w := t.texts()
	tier := d.Notice.Tier
	if tier == "" {
		tier = warning
	}
	labels := map[string]string{
		"service": d.Notice.Labels["service"], "environment": d.Notice.Labels["environment"], "receiver": d.Receiver,
	}
	n := t.notice("delivery/"+d.ID, "delivery", "given_up", tier, notifiers.Bad, labels, now)
	names := []string{"receiver", d.Receiver, "title", d.Notice.Title, "attempts", strconv.Itoa(d.Attempts), "age", t.span(now.Sub(d.Notice.Created))}
	n.Title = fill(w.givenUp, names...)
	n.Text = fill(w.givenUpText, names...) + "\n" + d.Notice.Title + "\n" + d.Notice.Text
	n.Mention = d.Notice.Mention
	fact(&n, w.problem, d.Error)
	n.Facts = append(n.Facts, d.Notice.Facts...)
	n.Steps = append([]string{fill(w.stepReceiver, names...)}, d.Notice.Steps...)
	n.Links = append(n.Links, d.Notice.Links...)
	return n
}

// QuotaUsed is the notice that a receiver's monthly quota of calls is nearly or wholly used up.
func (t Renderer) QuotaUsed(u notifiers.Usage, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.state("quota/"+u.Receiver, "delivery", "quota_used", warning, notifiers.Warn, map[string]string{"receiver": u.Receiver}, now)
	names := []string{
		"receiver", u.Receiver, "month", u.Month, "calls", strconv.Itoa(u.Calls), "quota", strconv.Itoa(u.Quota),
		"percent", strconv.Itoa(u.Calls * 100 / max(u.Quota, 1)),
	}
	n.Title = fill(w.quotaUsed, names...)
	n.Text = fill(w.quotaUsedText, names...)
	n.Steps = []string{fill(w.stepQuota, names...)}
	t.link(&n, w.linkOverview)
	return n
}

// TookOver is the notice that guardian by is active instead of from, last heard of at since.
func (t Renderer) TookOver(by, from string, since, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.state("guardian/lead", "guardian", "took_over", warning, notifiers.Warn, nil, now)
	names := []string{"by", by, "from", from, "since", t.clock(since, now), "age", t.span(now.Sub(since))}
	n.Title = fill(w.tookOver, names...)
	n.Text = fill(w.tookOverText, names...)
	fact(&n, w.acting, by)
	fact(&n, w.before, from)
	n.Steps = []string{fill(w.stepTookOver, names...)}
	t.link(&n, w.linkOverview)
	return n
}

// OrderLeft is the notice that a synthetic order must be cancelled by hand.
func (t Renderer) OrderLeft(o Order, now time.Time) notifiers.Notice {
	w := t.texts()
	labels := map[string]string{"service": o.Service, "check": o.Check}
	maps.Copy(labels, o.Labels)
	n := t.notice("order/"+o.ID, "order", "left", warning, notifiers.Warn, labels, now)
	names := []string{"order", o.ID, "check", o.Check, "tries", strconv.Itoa(o.Tries), "created", t.clock(o.Created, now)}
	n.Title = fill(w.orderLeft, names...)
	n.Text = fill(w.orderLeftText, names...)
	fact(&n, w.order, o.ID)
	fact(&n, w.orderRef, o.Ref)
	fact(&n, w.shop, where(o.Labels))
	fact(&n, w.check, o.Check)
	fact(&n, w.created, t.stamp(o.Created))
	fact(&n, w.problem, t.read(o.Reason, now))
	n.Steps = w.stepsOrder
	t.link(&n, w.linkService, "services", o.Service)
	return n
}

// Test is a test notice.
func (t Renderer) Test(receiver string, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.notice("test/"+receiver, "test", "test", info, notifiers.Neutral, map[string]string{"receiver": receiver}, now)
	n.Title = fill(w.test, "receiver", receiver)
	n.Text = fill(w.testText, "receiver", receiver, "at", t.stamp(now))
	t.link(&n, w.linkOverview)
	return n
}
