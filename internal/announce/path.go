package announce

import (
	"strconv"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers"
)

// Cut is a network path on which the guardian is cut off.
type Cut struct {
	Path   string
	Checks int // that look on it
	Since  time.Time
	Reason reason.Reason
}

// PathCut tells that no control of a network path answers: the guardian is cut off there.
func (t Teller) PathCut(c Cut, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.cut(c, "path_cut", notifiers.Bad, now)
	n.Title, n.Text = say(w.pathCut, t.cutNames(c, now)...), say(w.pathCutText, t.cutNames(c, now)...)
	n.Mention = true
	fact(&n, w.problem, t.read(c.Reason, now))
	n.Steps = w.stepsSight
	t.link(&n, w.linkOverview)
	return n
}

// PathBack tells that a control of the path answers again.
func (t Teller) PathBack(c Cut, now time.Time) notifiers.Notice {
	w := t.words()
	n := t.cut(c, "path_back", notifiers.Good, now)
	n.Title, n.Text = say(w.pathBack, t.cutNames(c, now)...), say(w.pathBackText, t.cutNames(c, now)...)
	t.link(&n, w.linkOverview)
	return n
}

func (t Teller) cut(c Cut, event string, tone notifiers.Tone, now time.Time) notifiers.Notice {
	n := t.notice("guardian/path/"+c.Path, "guardian", event, critical, tone, map[string]string{"path": c.Path}, now)
	fact(&n, t.words().since, t.stamp(c.Since))
	return n
}

func (t Teller) cutNames(c Cut, now time.Time) []string {
	return []string{"path", c.Path, "checks", strconv.Itoa(c.Checks), "since", t.clock(c.Since, now), "age", t.span(now.Sub(c.Since))}
}
