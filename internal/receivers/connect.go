package receivers

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

// Taker takes what people click and write at messengers; server.Server is one.
type Taker interface {
	SocketClick(ctx context.Context, envelope string, payload []byte)
	SlackSocketCommand(ctx context.Context, envelope string, payload []byte) (answer any)
	ChatCommand(ctx context.Context, written server.Written) (server.Reply, error)
}

// reloadCheck is how soon a reload takes effect on the connections.
const reloadCheck = 2 * time.Second

// Connect keeps a connection to a messenger for each app whose clicks and commands come by one, until
// ctx ends. current gives the receivers of the running configuration.
func Connect(ctx context.Context, current func() *Receivers, to Taker) {
	for ctx.Err() == nil {
		r := current()
		until, cancel := context.WithCancel(ctx)
		var open sync.WaitGroup
		for _, socket := range r.sockets(to) {
			open.Go(func() { socket.Run(until) })
		}
		for _, stream := range r.streams(to) {
			open.Go(func() { stream.Run(until) })
		}
		tick := time.NewTicker(reloadCheck)
		for ctx.Err() == nil && current() == r {
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

// sockets gives one connection to Slack for each app: its receivers are channels.
func (r *Receivers) sockets(to Taker) []notifiers.SlackSocket {
	byApp := map[string]notifiers.SlackSocket{}
	for _, clicks := range r.Clicks {
		if socket, ok := clicks.Socket(); ok {
			socket.Clicked, socket.Commanded, socket.Log, socket.Redactor = to.SocketClick, to.SlackSocketCommand, r.o.Log, r.o.Redactor
			byApp[socket.Token.Reveal()] = socket
		}
	}
	return slices.Collect(maps.Values(byApp))
}

// streams gives one connection to DingTalk for each app: its receivers are groups.
func (r *Receivers) streams(to Taker) []notifiers.DingTalkStream {
	groups := map[string]map[string]string{} // receivers by app and conversation
	apps := map[string]notifiers.DingTalkApp{}
	for _, one := range r.o.Config.Receivers {
		settings, ok := one.Settings.(*notifiers.DingTalkSettings)
		if !ok || settings.App == nil {
			continue
		}
		id := settings.App.ClientID
		if apps[id] = *settings.App; groups[id] == nil {
			groups[id] = map[string]string{}
		}
		if group := settings.App.ConversationID; group != "" {
			groups[id][group] = one.Name
		}
	}
	var all []notifiers.DingTalkStream
	for _, id := range slices.Sorted(maps.Keys(apps)) {
		take := func(ctx context.Context, m notifiers.DingTalkMessage) (string, error) {
			reply, err := to.ChatCommand(ctx, server.Written{
				ChatCommand: m.ChatCommand, Messenger: "dingtalk", Receiver: groups[id][m.Conversation], How: "dingtalk.app.conversation_id: " + m.Conversation,
			})
			if errors.Is(err, server.ErrReplayed) {
				return "", nil
			}
			return reply.Text, err
		}
		all = append(all, notifiers.DingTalkStream{App: apps[id], Log: r.o.Log, Redactor: r.o.Redactor, UserAgent: r.o.UserAgent, Take: take})
	}
	return all
}
