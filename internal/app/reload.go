package app

import (
	"context"
	"slices"

	"guardian/internal/config"
)

// Reload loads the configuration anew, builds all of it and only then swaps: a mistake
// changes nothing.
func (a *App) Reload(ctx context.Context) error {
	_, err := a.reload(ctx)
	return err
}

// reload reloads, and gives what is valid in the configuration and cannot work, and what it drops.
func (a *App) reload(ctx context.Context) (config.Mistakes, error) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	c, err := a.replace(ctx)
	a.metrics.reloaded(err, a.o.Now())
	if err != nil {
		text := err.Error()
		a.loadError.Store(&text)
		a.o.Log.Error("the configuration was not reloaded; the running one stays", "error", err)
		return nil, err
	}
	a.loadError.Store(nil)
	a.o.Log.Info("the configuration was reloaded", "summary", c.String())
	return slices.Concat(a.dropped(c), c.Warnings), nil
}

// replace puts a new setup in the place of the running one.
func (a *App) replace(ctx context.Context) (*config.Config, error) {
	c, err := a.o.Load()
	if err != nil {
		return nil, err
	}
	s, err := a.build(c)
	if err != nil {
		return nil, err
	}
	if err := a.dispatcher.Apply(s.receivers.Queued); err != nil {
		return nil, err
	}
	if err := a.share(ctx, s); err != nil {
		a.o.Log.Warn("that there are tokens, and the key of links, could not be written down", "error", err)
	}
	for _, key := range a.setup.Load().config.NeedsRestart(c) {
		a.o.Log.Warn("this change takes effect with the next start", "key", key)
	}
	a.logNotes(c)
	old := a.setup.Swap(s)
	a.apply(s)
	old.close()
	return c, nil
}

// apply lets the rooms work by a setup. It cannot fail: everything that can was done by build.
func (a *App) apply(s *setup) {
	a.record.Apply(each(s.checks, recorded))
	a.paths.Apply(each(s.checks, onPath))
	a.quotas.Apply(s.budgets())
	a.roster.Apply(s.config)
	a.series.Apply(each(s.checks, tracked), a.o.Now())
	a.runner.Apply(each(s.checks, looked))
	if t := a.acting.Load(); t != nil {
		t.alerts.Apply(s.config.Groups)
		t.writer.AnnounceMaintenance(t.Context())
	}
}

// dropped says what people set while the guardian runs and a configuration has no place for.
func (a *App) dropped(c *config.Config) config.Mistakes {
	all := c.Dropped(a.flags.Changes(), a.roster.Made(), a.o.Now())
	for _, w := range all {
		a.o.Log.Warn("the configuration has no place for what somebody set", "warning", w.Error())
	}
	return all
}

// logNotes says what applies that the configuration does not say, and what in it cannot work.
func (a *App) logNotes(c *config.Config) {
	for _, note := range c.Notes {
		a.o.Log.Info("something applies that the configuration does not say", "what", note)
	}
	for _, w := range c.Warnings {
		a.o.Log.Warn("the configuration is valid, and something in it cannot work", "warning", w.Error())
	}
}
