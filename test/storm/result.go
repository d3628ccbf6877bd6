package storm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/internal/store"
	"guardian/notifiers"
)

// Result is what came of a storm.
type Result struct {
	Robots []RobotResult
	// Waits are how long each critical group waited from its first sample to the first accepted message
	// that names it, sorted.
	Waits      []time.Duration
	Alerts     int
	Notices    int // queued
	Superseded int // of them
	Kills      int
	SentAgain  int           // notices that were accepted more than once, because the answer was lost with the process
	Tail       time.Duration // from the last alert until everybody knew of all

	// What must not be; a line for each.
	Lost       []string // an alert of which a receiver got no accepted message
	Twice      []string // a notice that was accepted again although its answer was recorded
	Resolved   []string // an alert that was told to be over
	Unrecorded []string // a message without an attempt in the journal
}

// RobotResult is what one robot got.
type RobotResult struct {
	Name     string
	Messages int
	Most     int      // within a minute
	Refused  []string // answers to calls that were not accepted
}

const mostAMinute = 12

// Wrong lists what must not be. A critical group may wait for so long; 0: for any time.
func (r *Result) Wrong(wait time.Duration) (wrong []string) {
	for _, one := range r.Robots {
		if len(one.Refused) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s refused %d calls, the first with %s", one.Name, len(one.Refused), one.Refused[0]))
		}
		if one.Most > mostAMinute {
			wrong = append(wrong, fmt.Sprintf("%s got %d messages within a minute", one.Name, one.Most))
		}
		if one.Messages == 0 {
			wrong = append(wrong, one.Name+" got no message: this proves nothing about it")
		}
	}
	if n := len(r.Waits); n > 0 && wait > 0 && r.Waits[n-1] > wait {
		wrong = append(wrong, fmt.Sprintf("a critical group was named after %s", r.Waits[n-1]))
	}
	for what, lines := range map[string][]string{
		"lost": r.Lost, "sent again although it was recorded": r.Twice, "falsely told to be over": r.Resolved, "sent without an attempt in the journal": r.Unrecorded,
	} {
		if len(lines) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d, such as %s", what, len(lines), lines[0]))
		}
	}
	return wrong
}

// Table is the result for people.
func (r *Result) Table() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%-12s %9s %14s %8s", "robot", "messages", "most a minute", "refused")
	for _, one := range r.Robots {
		line("%-12s %9d %14d %8d", one.Name, one.Messages, one.Most, len(one.Refused))
	}
	if n := len(r.Waits); n > 0 {
		line("critical groups: %d, named after: median %.1f s, most %.1f s", n, r.Waits[n/2].Seconds(), r.Waits[n-1].Seconds())
	}
	line("alerts: %d, lost: %d, falsely told to be over: %d", r.Alerts, len(r.Lost), len(r.Resolved))
	line("notices: %d, superseded before they were sent: %d", r.Notices, r.Superseded)
	line("kills: %d, notices sent again: %d, of those recorded before: %d, not in the journal: %d", r.Kills, r.SentAgain, len(r.Twice), len(r.Unrecorded))
	line("everybody knew of all %.0f s after the last alert began", r.Tail.Seconds())
	return b.String()
}

// result finds out what people were told.
func (s *storm) result() *Result {
	r := &Result{Alerts: len(s.series), Kills: len(s.kills), Tail: s.allKnown.Sub(s.lastOne)}
	all := s.deliveries(store.DeliveryFilter{})
	accepted := map[string][]message{} // by delivery
	for _, one := range s.robots {
		messages, refused := one.all()
		r.Robots = append(r.Robots, RobotResult{Name: one.name, Messages: count(messages), Most: most(messages), Refused: refused})
		for _, m := range messages {
			for _, id := range m.deliveries {
				accepted[id] = append(accepted[id], m)
			}
			if len(m.deliveries) == 0 && !m.update {
				r.Unrecorded = append(r.Unrecorded, one.name+": "+m.text)
			}
			if strings.Contains(strings.ToLower(m.text), "resolved") {
				r.Resolved = append(r.Resolved, one.name+": "+m.text)
			}
		}
	}
	for _, d := range all {
		r.Notices++
		if d.State == notifiers.Superseded {
			r.Superseded++
		}
		if len(accepted[d.ID]) > 1 {
			r.SentAgain++
		}
		r.Twice = append(r.Twice, s.again(d, accepted[d.ID])...)
		for _, a := range alertsOf(d) {
			if !a.EndsAt.IsZero() {
				r.Resolved = append(r.Resolved, d.Receiver+": "+d.Notice.Title)
			}
		}
	}
	r.Waits = s.waits()
	r.Lost = s.lost(all, accepted)
	return r
}

// alertsOf are the alerts that a notice is about; one that is about something else has none.
func alertsOf(d notifiers.Delivery) []notifiers.Alert {
	if d.Notice.Group == nil {
		return nil
	}
	return d.Notice.Group.Alerts
}

func count(messages []message) (n int) {
	for _, m := range messages {
		if !m.update {
			n++
		}
	}
	return n
}

// most is the largest number of messages within a minute.
func most(messages []message) (most int) {
	for i, first := range messages {
		n := 0
		for _, m := range messages[i:] {
			if m.at.Sub(first.at) < time.Minute && !m.update {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// again lists acceptances of a notice that should not have been: after a kill with the answer in the
// journal, or more of them than attempts of which the process did not live to record the answer.
func (s *storm) again(d notifiers.Delivery, accepted []message) (wrong []string) {
	for _, k := range s.kills {
		if k.recorded[d.ID] && slices.ContainsFunc(accepted, func(m message) bool { return m.at.After(k.at) }) {
			wrong = append(wrong, "recorded before a kill: "+d.ID+" "+d.Notice.Title)
		}
	}
	unknown := 0
	for _, t := range d.Tries {
		if t.Result == "unknown" {
			unknown += t.Times
		}
	}
	if len(accepted) > unknown+1 {
		wrong = append(wrong, fmt.Sprintf("%d times, with %d answers lost: %s %s", len(accepted), unknown, d.ID, d.Notice.Title))
	}
	return wrong
}

// waits gives how long each critical group waited until an accepted message named it.
func (s *storm) waits() (all []time.Duration) {
	began := map[string]time.Time{}
	for _, one := range s.series {
		if at, known := began[one.group()]; one.tier == "critical" && (!known || one.at.Before(at)) {
			began[one.group()] = one.at
		}
	}
	for group, at := range began {
		wait := time.Hour
		for _, r := range s.robots {
			messages, _ := r.all()
			for _, m := range messages {
				if strings.Contains(m.text, group) && !m.at.Before(at) {
					wait = min(wait, m.at.Sub(at))
					break
				}
			}
		}
		all = append(all, wait)
	}
	slices.Sort(all)
	return all
}

// lost lists the alerts of which a receiver got no accepted message that names their group.
func (s *storm) lost(all []notifiers.Delivery, accepted map[string][]message) (lost []string) {
	knows := map[string]bool{} // receiver and item
	for _, d := range all {
		if d.State != notifiers.Delivered || len(accepted[d.ID]) == 0 {
			continue
		}
		for _, a := range alertsOf(d) {
			one := series{tier: a.Labels["tier"], service: a.Labels["service"]}
			if slices.ContainsFunc(accepted[d.ID], func(m message) bool { return strings.Contains(m.text, one.group()) }) {
				knows[d.Receiver+" "+a.Labels["item"]] = true
			}
		}
	}
	for _, one := range s.series {
		for _, receiver := range receiverNames() {
			if !knows[receiver+" "+one.item] {
				lost = append(lost, fmt.Sprintf("%s of %s at %s", one.item, one.group(), receiver))
			}
		}
	}
	return lost
}
