package announce

import (
	"cmp"
	"time"

	"guardian/internal/windows"
	"guardian/notifiers"
)

// WindowChanged is the notice that a maintenance, a freeze or a hold was announced, or was ended early.
func (t Renderer) WindowChanged(w windows.Window, now time.Time) notifiers.Notice {
	words := t.texts()
	event, tone, title, text := "announced", notifiers.Warn, words.freezeBegun, words.freezeText
	switch {
	case w.Kind == windows.Hold && !w.Ended.IsZero():
		event, tone, title, text = "ended", notifiers.Good, words.holdEnded, words.holdEndedText
	case w.Kind == windows.Hold:
		title, text = words.holdBegun, words.holdText
	case w.Kind == windows.Freeze && !w.Ended.IsZero():
		event, tone, title, text = "ended", notifiers.Good, words.freezeEnded, words.freezeEndedText
	case w.Kind == windows.Maintenance && !w.Ended.IsZero():
		event, tone, title, text = "ended", notifiers.Good, words.maintenanceEnded, words.maintenanceEndedText
	case w.Kind == windows.Maintenance:
		title, text = words.maintenanceBegun, words.maintenanceText
	}
	tier := info
	if w.Kind == windows.Hold && event == "announced" {
		tier = warning // what fails now waits for people
	}
	n := t.state("window/"+w.ID, string(w.Kind), event, tier, tone, map[string]string{"service": w.Service, "window": w.ID}, now)
	names := []string{"service", cmp.Or(w.Service, words.allServices), "from", t.clock(w.From, now), "until", t.clock(w.To, now)}
	n.Title, n.Text = fill(title, names...), fill(text, names...)
	if who := cmp.Or(w.EndedBy, w.By); who != "" {
		fact(&n, words.windowBy, who)
	}
	if !w.Reason.IsZero() {
		fact(&n, words.reason, t.read(w.Reason, now))
	}
	if w.Run != "" {
		t.link(&n, words.linkRun, "rollbacks", w.Run)
	}
	t.link(&n, words.linkWindows, "windows")
	return n
}
