package api

import (
	"context"

	"guardian/decide"
	"guardian/internal/secret"
)

// books implements server.Runbooks.
type books struct {
	running  func() Running
	decider  func() decide.Decider
	redactor *secret.Redactor
}

// RunbookList implements server.Runbooks.
func (b books) RunbookList(context.Context) ([]decide.Checklist, error) {
	config, settings := b.running().Config, b.decider().Settings
	var all []decide.Checklist
	for i := range config.Runbooks {
		all = append(all, settings.Checklist(&config.Runbooks[i], b.redactor))
	}
	return all, nil
}
