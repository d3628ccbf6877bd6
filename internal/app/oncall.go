package app

import (
	"maps"
	"path/filepath"

	"guardian/internal/calendars"
	"guardian/internal/config"
	"guardian/oncall"
)

func (a *App) newCalendars(c *config.Config) *calendars.Calendars {
	return calendars.New(calendars.Options{
		Dir: filepath.Join(c.Storage.Path, "calendars"), UserAgent: a.userAgent(), Changed: a.updateRoster,
		Now: a.now, Log: a.log, Redactor: a.redactor, Registerer: a.registry,
	})
}

// updateRoster makes the running configuration's schedules know the calendars as they were read
// last.
func (a *App) updateRoster() {
	c := a.setup.Load().config
	known := map[string]*oncall.Calendar{}
	maps.Copy(known, c.Calendars)
	maps.Copy(known, a.calendars.Contents())
	roster, err := c.RosterWith(known)
	if err != nil { // the configuration was checked with other contents of its calendars
		a.log.Error("the schedules could not be built; those of before stay", "error", err)
		return
	}
	a.roster.Store(roster)
}
