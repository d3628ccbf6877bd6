package app

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"guardian/notifiers"
)

// socketsCheck is how soon a reload takes effect on the connections for clicks.
const socketsCheck = 2 * time.Second

// slackSockets keeps a connection to Slack for each app whose clicks come by one, while this guardian
// leads.
func (a *App) slackSockets(ctx context.Context) {
	for ctx.Err() == nil {
		s := a.setup.Load()
		until, cancel := context.WithCancel(ctx)
		var open sync.WaitGroup
		for _, socket := range a.socketsOf(s) {
			open.Go(func() { socket.Run(until) })
		}
		tick := time.NewTicker(socketsCheck)
		for ctx.Err() == nil && a.setup.Load() == s {
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
		tick.Stop()
		cancel()
		open.Wait()
	}
}

// socketsOf gives one connection for each app: its receivers are channels.
func (a *App) socketsOf(s *setup) []notifiers.SlackSocket {
	byApp := map[string]notifiers.SlackSocket{}
	for _, clicks := range s.clicks {
		if socket, ok := clicks.Socket(); ok {
			socket.Clicked, socket.Log, socket.Redactor = a.server.SocketClick, a.log, a.redactor
			byApp[socket.Token.Reveal()] = socket
		}
	}
	return slices.Collect(maps.Values(byApp))
}
