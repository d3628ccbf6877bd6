package announce

import (
	"cmp"
	"time"

	"guardian/internal/flags"
	"guardian/notifiers"
)

// FlagChanged is the notice that a kill switch was set or reset, that its time is over, or that the
// configuration does not have what it was set to any more.
func (t Renderer) FlagChanged(f flags.Flag, c flags.Change, now time.Time) notifiers.Notice {
	w := t.texts()
	tier, event, tone, title, text := warning, "set", notifiers.Warn, w.flagSet, w.flagSetText
	switch {
	case c.Variant != "":
	case c.Dropped():
		event, title, text = "dropped", w.flagDropped, w.flagDroppedText
	case c.By == "" && c.Run == "":
		event, title, text = "expired", w.flagExpired, w.flagExpiredText
	default:
		tier, event, tone, title, text = info, "reset", notifiers.Good, w.flagReset, w.flagResetText
	}
	n := t.state("flag/"+f.Name, "flag", event, tier, tone, map[string]string{"service": f.Service, "flag": f.Name}, now)
	names := []string{"flag", f.Name, "variant", cmp.Or(c.Variant, f.Default), "until", t.clock(c.Until, now), "default", f.Default}
	n.Title, n.Text = fill(title, names...), fill(text, names...)
	if f.Description != "" {
		fact(&n, w.flagMeaning, f.Description)
	}
	fact(&n, w.flagOwner, f.Owner)
	if c.By != "" {
		fact(&n, w.flagBy, c.By)
	}
	if !c.Reason.IsZero() {
		fact(&n, w.reason, t.read(c.Reason, now))
	}
	if c.Run != "" {
		t.link(&n, w.linkRun, "rollbacks", c.Run)
	}
	t.link(&n, w.linkFlags, "flags")
	return n
}
