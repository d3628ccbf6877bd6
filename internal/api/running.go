package api

import (
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/chatops"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/notifiers"
	"guardian/oncall"
)

// Running is the configuration that this guardian runs.
type Running struct {
	Config *config.Config
	Loaded time.Time
	// LinkKey signs the links and buttons of messages.
	LinkKey chatops.Key
	// Clicks take the clicks on buttons in Slack, by receiver.
	Clicks map[string]notifiers.SlackClicks
	// Passive tells whether checks of a kind wait for reports, as heartbeats do.
	Passive func(kind string) bool
	// Book gives a runbook that can be run.
	Book func(name string) (*actions.Runbook, bool)
	// Teller speaks the language of a receiver; "" is the server's.
	Teller func(receiver string) announce.Renderer
	// Roster is its people and schedules, with the calendars as they were read last.
	Roster *oncall.Roster
	// Calendar says what is wrong with the calendar of an address; zero: nothing.
	Calendar func(address string) reason.Reason
}

// service gives a service, or an error that names those that are configured.
func (r Running) service(name string) (*config.Service, error) {
	if svc, ok := r.Config.Service(name); ok {
		return svc, nil
	}
	known := make([]string, len(r.Config.Services))
	for i := range r.Config.Services {
		known[i] = r.Config.Services[i].Name
	}
	return nil, &server.NotFoundError{What: "service", Name: name, Known: known}
}

// check gives a check, or an error that names those that are configured.
func (r Running) check(name string) (*config.Check, error) {
	if c, ok := r.Config.Check(name); ok {
		return c, nil
	}
	known := make([]string, len(r.Config.Checks))
	for i := range r.Config.Checks {
		known[i] = r.Config.Checks[i].Name
	}
	return nil, &server.NotFoundError{What: "check", Name: name, Known: known}
}

// heartbeat gives a check that waits for reports, or an error that names those that do.
func (r Running) heartbeat(name string) (*config.Check, error) {
	if c, ok := r.Config.Check(name); ok && r.Passive(c.Kind) {
		return c, nil
	}
	var known []string
	for _, c := range r.Config.Checks {
		if r.Passive(c.Kind) {
			known = append(known, c.Name)
		}
	}
	return nil, &server.NotFoundError{What: "heartbeat check", Name: name, Known: known}
}

// checksByService gives the checks of each service, in the order of the configuration.
func (r Running) checksByService() map[string][]*config.Check {
	all := make(map[string][]*config.Check, len(r.Config.Services))
	for i := range r.Config.Checks {
		c := &r.Config.Checks[i]
		all[c.Service] = append(all[c.Service], c)
	}
	return all
}

// environmentOf gives the environment of a service that a caller means, or an error that names
// what is configured.
func (r Running) environmentOf(decisions *decide.Settings, service, asked string) (string, error) {
	svc, ok := decisions.Service(service)
	if !ok {
		_, err := r.service(service)
		return "", err
	}
	environment, ok := svc.In(asked)
	if !ok {
		return "", &server.NotFoundError{What: "environment", Name: asked, Of: "service " + service, Known: []string{svc.Environment}}
	}
	return environment, nil
}
