package decide_test

import (
	"testing"
	"time"

	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/windows"
	"guardian/watch"
)

func TestAHoldIsOfItsServiceAndItsTime(t *testing.T) {
	now := noon()
	hold := func(service string, from, to time.Duration) windows.Window {
		return windows.Window{ID: "win_1", Kind: windows.Hold, Service: service, From: now.Add(from), To: now.Add(to)}
	}
	for name, c := range map[string]struct {
		windows []windows.Window
		until   time.Duration // 0: nothing is held
	}{
		"of all":          {[]windows.Window{hold("", -time.Hour, time.Hour)}, time.Hour},
		"of the service":  {[]windows.Window{hold("orders", 0, time.Hour)}, time.Hour},
		"of another":      {[]windows.Window{hold("prices", 0, time.Hour)}, 0},
		"over":            {[]windows.Window{hold("", -time.Hour, 0)}, 0},
		"to come":         {[]windows.Window{hold("", 1, time.Hour)}, 0},
		"the longer one":  {[]windows.Window{hold("", 0, time.Hour), hold("orders", 0, 2*time.Hour)}, 2 * time.Hour},
		"a freeze is not": {[]windows.Window{{Kind: windows.Freeze, From: now, To: now.Add(time.Hour)}}, 0},
	} {
		got := decide.HoldOf(decide.NewSettings(decide.Settings{}).With(c.windows), "orders", now)
		if (got != nil) != (c.until > 0) || got != nil && !got.Until.Equal(now.Add(c.until)) {
			t.Errorf("%s: %+v, want for %s", name, got, c.until)
		}
	}
}

func TestAnnouncedWindowsCountAsConfiguredOnes(t *testing.T) {
	now := noon()
	announced := func(kind windows.Kind, service string, from, to time.Duration) windows.Window {
		return windows.Window{ID: "win_1", Kind: kind, Service: service, From: now.Add(from), To: now.Add(to), Reason: reason.Text("stocktaking")}
	}
	for name, c := range map[string]struct {
		window   windows.Window
		deploys  bool // the gate is open
		notified bool
	}{
		"a freeze":                      {window: announced(windows.Freeze, "orders", -time.Hour, time.Hour), notified: true},
		"a freeze of all":               {window: announced(windows.Freeze, "", -time.Hour, time.Hour), notified: true},
		"a freeze of another service":   {window: announced(windows.Freeze, "prices", -time.Hour, time.Hour), deploys: true, notified: true},
		"a freeze that is over":         {window: announced(windows.Freeze, "orders", -time.Hour, 0), deploys: true, notified: true},
		"a freeze to come":              {window: announced(windows.Freeze, "orders", time.Nanosecond, time.Hour), deploys: true, notified: true},
		"a maintenance":                 {window: announced(windows.Maintenance, "orders", 0, time.Hour), deploys: true},
		"a maintenance of all":          {window: announced(windows.Maintenance, "", -time.Hour, time.Hour), deploys: true},
		"a maintenance of another":      {window: announced(windows.Maintenance, "prices", -time.Hour, time.Hour), deploys: true, notified: true},
		"a maintenance that was ended":  {window: announced(windows.Maintenance, "orders", -time.Hour, 0), deploys: true, notified: true},
		"a maintenance that is to come": {window: announced(windows.Maintenance, "orders", 1, time.Hour), deploys: true, notified: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := decide.NewSettings(decide.Settings{Services: []decide.Service{{Name: "orders"}}}).With([]windows.Window{c.window})
			for act, open := range map[watch.Act]bool{watch.ActDeploy: c.deploys, watch.ActRollback: true} {
				closed := watch.Gate(watch.GateFacts{Service: "orders", Act: act, Freezes: s.Freezes}, now)
				if (len(closed) == 0) != open {
					t.Errorf("%s: closed by %+v, want open %v", act, closed, open)
				}
			}
			if why, _ := s.Suppressed("alert", map[string]string{"service": "orders"}, nil, now); why.IsZero() != c.notified {
				t.Errorf("kept back by %q, want notified %v", why, c.notified)
			}
		})
	}
}
