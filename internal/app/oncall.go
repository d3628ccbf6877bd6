package app

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

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

// updateRoster makes the running configuration's schedules know the calendars and overrides as they were
// read last.
func (a *App) updateRoster() {
	a.rostering.Lock() // who comes last has read last
	defer a.rostering.Unlock()
	c := a.setup.Load().config
	known := map[string]*oncall.Calendar{}
	maps.Copy(known, c.Calendars)
	maps.Copy(known, a.calendars.Contents())
	var made []oncall.Made
	if list := a.overrides.Load(); list != nil {
		made = *list
	}
	roster, err := c.RosterWith(known, made)
	if err != nil { // the configuration was checked with other contents of its calendars
		a.log.Error("the schedules could not be built; those of before stay", "error", err)
		return
	}
	a.roster.Store(roster)
}

const (
	// overridesEvery is how soon an override that another guardian took is known here.
	overridesEvery = 5 * time.Second
	// overridesKept is how long overrides that ended are shown in the shifts of the past.
	overridesKept = 92 * 24 * time.Hour
)

// readOverrides lets the schedules know the overrides that people made. What cannot be read stays as it was.
func (a *App) readOverrides(ctx context.Context) {
	a.rereading.Lock() // what was read before another change never takes the place of what was read after
	defer a.rereading.Unlock()
	made, err := a.store.Overrides(ctx, a.now().Add(-overridesKept))
	if err != nil {
		if ctx.Err() == nil {
			a.log.Warn("overrides of shifts could not be read; those known before stay", "error", err)
		}
		return
	}
	if before := a.overrides.Swap(&made); before == nil || !slices.Equal(*before, made) {
		a.updateRoster()
	}
}

func (a *App) overridesLoop(ctx context.Context) {
	tick := time.NewTicker(overridesEvery)
	defer tick.Stop()
	for {
		a.readOverrides(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
