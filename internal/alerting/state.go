package alerting

import (
	"maps"
	"sync"

	"guardian/rules"
)

// groupState is the state of a group's rules. One evaluation at a time changes it, that of the
// rules that it evaluated; others read it at any time.
type groupState struct {
	mu    sync.RWMutex
	rules rules.GroupState
}

// merge takes the states of some rules over.
func (s *groupState) merge(next rules.GroupState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules.Rules == nil {
		s.rules.Rules = map[string]rules.RuleState{}
	}
	maps.Copy(s.rules.Rules, next.Rules)
}

// view shows the state, which must not be kept.
func (s *groupState) view(read func(rules.GroupState)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	read(s.rules)
}

// whole gives a copy of the state.
func (s *groupState) whole() rules.GroupState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return rules.GroupState{Rules: maps.Clone(s.rules.Rules)}
}

// alerts lists all alerts of the state.
func (s *groupState) alerts() []rules.Alert {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rules.Alerts()
}
