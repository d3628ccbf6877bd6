package sla

import (
	"slices"
	"time"
)

// apart is how long a service must have been up between two downtimes of the same check, so that they are two
// incidents.
const apart = 10 * time.Minute

// incidents merges downtimes, which are in order, into what people count as one.
func incidents(downtimes []Downtime) []Incident {
	out := []Incident{}
	for _, d := range downtimes {
		i := slices.IndexFunc(out, func(one Incident) bool { return one.takes(d) })
		if i < 0 {
			out = append(out, Incident{
				From: d.From, Began: d.Began, Reason: d.Reason, Deploy: d.Deploy, Watch: d.Watch, Run: d.Run, Maintenance: d.Maintenance,
			})
			i = len(out) - 1
		}
		out[i].add(d)
	}
	return out
}

// takes reports whether a later downtime belongs to the incident: both are of one deploy or one
// rollback, or of a check that was up again for a short time only.
func (i Incident) takes(d Downtime) bool {
	if i.Watch != "" && i.Watch == d.Watch || i.Run != "" && i.Run == d.Run {
		return true
	}
	if i.Watch != "" && d.Watch != "" {
		return false // of two deploys
	}
	again := func(check string) bool { return slices.Contains(i.Checks, check) }
	return d.From.Sub(i.To) < apart && slices.ContainsFunc(d.Checks, again)
}

func (i *Incident) add(d Downtime) {
	i.To, i.Open = d.To, d.Open
	i.Times++
	i.Down += d.Span
	i.Charged += d.Counted
	for _, c := range d.Checks {
		if !slices.Contains(i.Checks, c) {
			i.Checks = append(i.Checks, c)
		}
	}
	if i.Deploy == "" {
		i.Deploy, i.Watch = d.Deploy, d.Watch
	}
	if i.Run == "" {
		i.Run = d.Run
	}
}
