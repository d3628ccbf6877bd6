package alerting

import "guardian/decide"

// Standing tells where an alert stands with each of its receivers: what it was told, and what
// keeps it from hearing more.
func (as *Alerts) Standing(alert string) []decide.Standing {
	as.telling.mu.Lock()
	defer as.telling.mu.Unlock()
	return as.telling.board.Standing(as.o.Decider().Settings, as.hearing(), as.o.Now(), alert)
}
