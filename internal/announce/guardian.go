package announce

import (
	"maps"
	"strconv"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers"
)

// BlindBegan tells, once, that a check has not been able to look for long.
func (t Teller) BlindBegan(b Blind, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.blind(b, "began", notifiers.Warn, now)
	names := []string{"check", b.Check, "since", t.clock(b.Since, now), "age", t.span(now.Sub(b.Since))}
	n.Title = say(w.blindBegan, names...)
	n.Text = say(w.blindBeganText, names...)
	fact(&n, w.problem, t.read(b.Reason, now))
	n.Steps = w.stepsBlind
	t.link(&n, w.linkService, "services", b.Service)
	return n
}

// BlindEnded tells that it can look again.
func (t Teller) BlindEnded(b Blind, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.blind(b, "ended", notifiers.Good, now)
	names := []string{"check", b.Check, "since", t.clock(b.Since, now), "age", t.span(now.Sub(b.Since))}
	n.Title = say(w.blindEnded, names...)
	n.Text = say(w.blindEndedText, names...)
	t.link(&n, w.linkService, "services", b.Service)
	return n
}

func (t Teller) blind(b Blind, event string, tone notifiers.Tone, now time.Time) notifiers.Notice {
	labels := map[string]string{"service": b.Service, "check": b.Check}
	maps.Copy(labels, b.Labels)
	n := t.notice("blind/"+b.Check, "blind", event, warning, tone, labels, now)
	w := t.words()
	fact(&n, w.service, b.Service)
	fact(&n, w.shop, where(b.Labels))
	fact(&n, w.since, t.stamp(b.Since))
	return n
}

// SightLost tells that no check at all can look: the guardian itself is cut off.
func (t Teller) SightLost(checks int, since time.Time, why reason.Reason, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.notice("guardian/sight", "guardian", "sight_lost", critical, notifiers.Bad, nil, now)
	names := []string{"checks", strconv.Itoa(checks), "since", t.clock(since, now), "age", t.span(now.Sub(since))}
	n.Title = say(w.sightLost, names...)
	n.Text = say(w.sightLostText, names...)
	n.Mention = true
	fact(&n, w.since, t.stamp(since))
	fact(&n, w.problem, t.read(why, now))
	n.Steps = w.stepsSight
	t.link(&n, w.linkOverview)
	return n
}

// SightRegained tells that the guardian can look again.
func (t Teller) SightRegained(checks int, since, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.notice("guardian/sight", "guardian", "sight_regained", critical, notifiers.Good, nil, now)
	names := []string{"checks", strconv.Itoa(checks), "since", t.clock(since, now), "age", t.span(now.Sub(since))}
	n.Title = say(w.sightRegained, names...)
	n.Text = say(w.sightRegainedText, names...)
	fact(&n, w.since, t.stamp(since))
	t.link(&n, w.linkOverview)
	return n
}

// GivenUp tells that a notice could not be delivered, with what it said.
func (t Teller) GivenUp(d notifiers.Delivery, now time.Time) notifiers.Notice {
	w := t.words()
	tier := d.Notice.Tier
	if tier == "" {
		tier = warning
	}
	labels := map[string]string{
		"service": d.Notice.Labels["service"], "environment": d.Notice.Labels["environment"], "receiver": d.Receiver,
	}
	n := t.notice("delivery/"+d.ID, "delivery", "given_up", tier, notifiers.Bad, labels, now)
	names := []string{"receiver", d.Receiver, "title", d.Notice.Title, "attempts", strconv.Itoa(d.Attempts), "age", t.span(now.Sub(d.Notice.Created))}
	n.Title = say(w.givenUp, names...)
	n.Text = say(w.givenUpText, names...) + "\n" + d.Notice.Title + "\n" + d.Notice.Text
	n.Mention = d.Notice.Mention
	fact(&n, w.problem, d.Error)
	n.Facts = append(n.Facts, d.Notice.Facts...)
	n.Steps = append([]string{say(w.stepReceiver, names...)}, d.Notice.Steps...)
	n.Links = append(n.Links, d.Notice.Links...)
	return n
}

// TookOver tells that guardian by acts from now on instead of from, last heard of at since.
func (t Teller) TookOver(by, from string, since, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.notice("guardian/lead", "guardian", "took_over", warning, notifiers.Warn, nil, now)
	names := []string{"by", by, "from", from, "since", t.clock(since, now), "age", t.span(now.Sub(since))}
	n.Title = say(w.tookOver, names...)
	n.Text = say(w.tookOverText, names...)
	fact(&n, w.acting, by)
	fact(&n, w.before, from)
	n.Steps = []string{say(w.stepTookOver, names...)}
	t.link(&n, w.linkOverview)
	return n
}

// OrderLeft tells that a synthetic order was left behind and must be taken back by hand.
func (t Teller) OrderLeft(o Order, now time.Time) notifiers.Notice {
	w := t.words()
	labels := map[string]string{"service": o.Service, "check": o.Check}
	maps.Copy(labels, o.Labels)
	n := t.notice("order/"+o.ID, "order", "left", warning, notifiers.Warn, labels, now)
	names := []string{"order", o.ID, "check", o.Check, "tries", strconv.Itoa(o.Tries), "created", t.clock(o.Created, now)}
	n.Title = say(w.orderLeft, names...)
	n.Text = say(w.orderLeftText, names...)
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

// Test is a notice that says that it is only a test.
func (t Teller) Test(receiver string, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.notice("test/"+receiver, "test", "test", info, notifiers.Neutral, map[string]string{"receiver": receiver}, now)
	n.Title = say(w.test, "receiver", receiver)
	n.Text = say(w.testText, "receiver", receiver, "at", t.stamp(now))
	t.link(&n, w.linkOverview)
	return n
}
