package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"guardian/internal/server"
	"guardian/notifiers"
)

// chatsCheck is how soon a reload takes effect on the connections to messengers.
const chatsCheck = 2 * time.Second

// chats keeps a connection to a messenger for each app whose clicks and commands come by one, while this
// guardian leads.
func (a *App) chats(ctx context.Context) {
	for ctx.Err() == nil {
		s := a.setup.Load()
		until, cancel := context.WithCancel(ctx)
		var open sync.WaitGroup
		for _, socket := range a.socketsOf(s) {
			open.Go(func() { socket.Run(until) })
		}
		for _, stream := range a.streamsOf(s) {
			open.Go(func() { stream.Run(until) })
		}
		tick := time.NewTicker(chatsCheck)
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

// socketsOf gives one connection to Slack for each app: its receivers are channels.
func (a *App) socketsOf(s *setup) []notifiers.SlackSocket {
	byApp := map[string]notifiers.SlackSocket{}
	for _, clicks := range s.clicks {
		if socket, ok := clicks.Socket(); ok {
			socket.Clicked, socket.Commanded, socket.Log, socket.Redactor = a.server.SocketClick, a.server.SlackSocketCommand, a.log, a.redactor
			byApp[socket.Token.Reveal()] = socket
		}
	}
	return slices.Collect(maps.Values(byApp))
}

// streamsOf gives one connection to DingTalk for each app: its receivers are groups.
func (a *App) streamsOf(s *setup) []notifiers.DingTalkStream {
	groups := map[string]map[string]string{} // receivers by app and conversation
	apps := map[string]notifiers.DingTalkApp{}
	for _, r := range s.config.Receivers {
		settings, ok := r.Settings.(*notifiers.DingTalkSettings)
		if !ok || settings.App == nil {
			continue
		}
		id := settings.App.ClientID
		if apps[id] = *settings.App; groups[id] == nil {
			groups[id] = map[string]string{}
		}
		if group := settings.App.ConversationID; group != "" {
			groups[id][group] = r.Name
		}
	}
	var all []notifiers.DingTalkStream
	for _, id := range slices.Sorted(maps.Keys(apps)) {
		all = append(all, notifiers.DingTalkStream{App: apps[id], Log: a.log, Redactor: a.redactor, UserAgent: a.userAgent(), Take: func(ctx context.Context, m notifiers.DingTalkMessage) (string, error) {
			reply, err := a.server.ChatCommand(ctx, server.Written{
				ChatCommand: m.ChatCommand, Messenger: "dingtalk", Receiver: groups[id][m.Conversation], How: "dingtalk.app.conversation_id: " + m.Conversation,
			})
			if errors.Is(err, server.ErrReplayed) {
				return "", nil
			}
			return reply.Text, err
		}})
	}
	return all
}
