package announce

import (
	"strconv"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers"
)

// Cut is a network path that is down.
type Cut struct {
	Path   string
	Checks int // that look on it
	Since  time.Time
	Reason reason.Reason
	// Services are those of which no check can look.
	Services []string
}

// PathCut is the notice that a network path is down: none of its controls answers.
func (t Renderer) PathCut(c Cut, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.cut(c, "path_cut", notifiers.Bad, now)
	n.Title, n.Text = fill(w.pathCut, t.cutNames(c, now)...), fill(w.pathCutText, t.cutNames(c, now)...)
	n.Mention = true
	fact(&n, w.problem, t.read(c.Reason, now))
	if len(c.Services) > 0 {
		fact(&n, w.outOfSight, t.reader(now).List(c.Services))
	}
	n.Steps = w.stepsAllBlind
	t.link(&n, w.linkOverview)
	return n
}

// PathBack is the notice that a control of the path answers again.
func (t Renderer) PathBack(c Cut, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.cut(c, "path_back", notifiers.Good, now)
	n.Title, n.Text = fill(w.pathBack, t.cutNames(c, now)...), fill(w.pathBackText, t.cutNames(c, now)...)
	t.link(&n, w.linkOverview)
	return n
}

func (t Renderer) cut(c Cut, event string, tone notifiers.Tone, now time.Time) notifiers.Notice {
	n := t.state("guardian/path/"+c.Path, "guardian", event, critical, tone, map[string]string{"path": c.Path}, now)
	fact(&n, t.texts().since, t.stamp(c.Since))
	return n
}

func (t Renderer) cutNames(c Cut, now time.Time) []string {
	return []string{"path", c.Path, "checks", strconv.Itoa(c.Checks), "since", t.clock(c.Since, now), "age", t.span(now.Sub(c.Since))}
}
