package notify

import (
	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
)

// Drop implements notifiers.Options: why a notice in the outbox is not sent any more, because it was silenced
// after it was queued; "": it is sent. Notices about alerts are, always: the notification log says that
// they were, so that nobody would hear of the alert afterwards.
func (n *Notifier) Drop(d notifiers.Delivery) string {
	if d.Notice.Kind == "alert" {
		return ""
	}
	why, _ := n.o.Settings().Decisions.Suppressed(d.Notice.Kind, d.Notice.Labels, n.Silences(), n.o.Now())
	return why.String()
}

// GivenUp implements notifiers.Options: the notice to a receiver that a delivery to another one was given up.
func (n *Notifier) GivenUp(d notifiers.Delivery, to string) notifiers.Notice {
	return n.about(to, func(t announce.Renderer) notifiers.Notice { return t.GivenUp(d, n.o.Now()) })
}

// QuotaUsed implements notifiers.Options: the notice to a receiver that the monthly quota of one is used up.
func (n *Notifier) QuotaUsed(u notifiers.Usage, to string) notifiers.Notice {
	return n.about(to, func(t announce.Renderer) notifiers.Notice { return t.QuotaUsed(u, n.o.Now()) })
}

// about makes a notice about the outbox, which the dispatcher queues itself.
func (n *Notifier) about(to string, render Render) notifiers.Notice {
	made := render(n.o.Settings().For(to))
	made.ID, made.Created = store.NewID("n_"), n.o.Now()
	return made
}
