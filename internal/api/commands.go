package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/chatops"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
)

// commands implements server.Commands. Whoever is in the chat of a receiver may write them, as they may
// click its buttons.
type commands struct{ chatActions }

// ReadSlack implements server.Commands.
func (c commands) ReadSlack(header http.Header, body []byte) (server.Written, error) {
	return c.slack(func(clicks notifiers.SlackClicks) (notifiers.ChatCommand, error) {
		return clicks.ReadCommand(header, body, c.now())
	})
}

// ReadSlackSocket implements server.Commands.
func (c commands) ReadSlackSocket(envelope string, payload []byte) (server.Written, error) {
	return c.slack(func(clicks notifiers.SlackClicks) (notifiers.ChatCommand, error) {
		return clicks.ParseCommand(envelope, payload)
	})
}

// slack finds the receiver in whose channel a command was written.
func (c commands) slack(read func(notifiers.SlackClicks) (notifiers.ChatCommand, error)) (server.Written, error) {
	running := c.running()
	if len(running.Clicks) == 0 {
		return server.Written{}, server.Refuse(server.ErrNotFound, "no receiver takes commands: set slack.signing_secret of one with a token")
	}
	why := notifiers.ErrSlackSignature
	for _, name := range slices.Sorted(maps.Keys(running.Clicks)) {
		command, err := read(running.Clicks[name])
		switch {
		case err == nil:
			return server.Written{ChatCommand: command, Receiver: name, Messenger: "slack"}, nil
		case !errors.Is(err, notifiers.ErrSlackSignature):
			why = err
		}
	}
	if errors.Is(why, notifiers.ErrSlackElsewhere) {
		return server.Written{Messenger: "slack", How: "slack.channel"}, nil
	}
	return server.Written{}, why
}

// Do implements server.Commands.
func (c commands) Do(ctx context.Context, w server.Written) (server.Reply, error) {
	if w.Receiver == "" {
		return server.Reply{Text: c.running().Teller("").Elsewhere(w.How)}, nil
	}
	once := "command\n" + w.Messenger + "\n" + w.Once
	if !c.played.first(once, c.now()) {
		return server.Reply{}, server.ErrReplayed
	}
	reply, err := c.do(ctx, w, once)
	if err != nil && !errors.Is(err, server.ErrReplayed) {
		c.played.forget(once) // the messenger may send it again
	}
	return reply, err
}

func (c commands) do(ctx context.Context, w server.Written, once string) (server.Reply, error) {
	now, t := c.now(), c.running().Teller(w.Receiver)
	command := chatops.ParseCommand(w.Text)
	switch command.Verb {
	case chatops.WhoIsOnCall:
		return server.Reply{Text: t.WhoIsOnCall(c.running().Roster, now)}, nil
	case chatops.Status, chatops.AckAlert, chatops.MuteAlert:
	case chatops.Help:
		return server.Reply{Text: t.Commands()}, nil
	default:
		return server.Reply{Text: t.Commands()}, nil
	}
	firing, acks, err := c.firing(ctx)
	if err != nil {
		return server.Reply{}, err
	}
	if command.Verb == chatops.Status {
		open := make([]announce.OpenAlert, len(firing))
		for i, a := range firing {
			open[i] = announce.OpenAlert{Alert: a, Ack: acks[a.ID]}
		}
		return server.Reply{Text: t.Status(open, chatops.ShortIDs(firing), now)}, nil
	}
	named := command.Named(firing)
	if len(named) == 0 || len(named) > 1 && command.Alert != chatops.All {
		return server.Reply{Text: t.NoSuchAlert(notifiers.Shorten(command.Alert, 40, "…"), len(named) > 1)}, nil
	}
	name, who := c.writer(w)
	return c.act(ctx, acting{Command: command, alerts: named, acks: acks, name: name, who: who, once: once, teller: t})
}

// firing gives the alerts that fire, in the order in which they are listed, and their acknowledgements.
func (c commands) firing(ctx context.Context) ([]rules.Alert, map[string]rules.Ack, error) {
	open, err := c.journal.Alerts(ctx, store.AlertFilter{Open: true, Limit: store.MaxLimit})
	if err != nil {
		return nil, nil, apiError(err)
	}
	open = slices.DeleteFunc(open, func(a rules.Alert) bool { return a.State != rules.Firing })
	decide.Arrange(open)
	all, err := c.journal.Acks(ctx)
	if err != nil {
		return nil, nil, apiError(err)
	}
	acks := map[string]rules.Ack{}
	for _, k := range all {
		acks[k.Alert] = k
	}
	return open, acks, nil
}

// writer is who wrote a command, for readers and as it is recorded: the person of the configuration, else
// the name in the messenger.
func (c commands) writer(w server.Written) (name, who string) {
	in := chatops.InSlack
	if w.Messenger == "dingtalk" {
		in = chatops.InDingTalk
	}
	for _, p := range c.running().Config.People {
		if id := map[string]string{"slack": p.Slack, "dingtalk": p.DingTalk}[w.Messenger]; id != "" && id == w.UserID {
			return p.Shown(), in(p.Name)
		}
	}
	return w.UserName, in(w.UserName)
}

// acting is a command that changes something.
type acting struct {
	chatops.Command
	alerts    []rules.Alert // that it names
	acks      map[string]rules.Ack
	name, who string
	once      string
	teller    announce.Renderer
}

// act acknowledges or silences, once.
func (c commands) act(ctx context.Context, a acting) (server.Reply, error) {
	leading, err := c.leader.required()
	if err != nil {
		return server.Reply{}, err
	}
	done := chatops.Done{Action: chatops.Acknowledge, By: a.who, At: c.now().UTC()}
	var b store.Batch
	var reply server.Reply
	if a.Verb == chatops.AckAlert {
		var before []rules.Ack
		a.alerts = slices.DeleteFunc(slices.Clone(a.alerts), func(al rules.Alert) bool {
			k, acked := a.acks[al.ID]
			if acked {
				k.By = chatops.Shown(k.By, a.teller.Language)
				before = append(before, k)
			}
			return acked
		})
		if len(a.alerts) == 0 {
			return server.Reply{Text: a.teller.AckedBefore(before)}, nil
		}
		acknowledgeAll(&b, a.alerts, done, a.Note)
		reply = server.Reply{Text: a.teller.Acknowledged(a.alerts, a.name), Public: true}
	} else {
		done.Action, done.Until = chatops.Silence, done.At.Add(a.For)
		if err := silenceAll(&b, a.alerts, done, a.teller.Language); err != nil {
			return server.Reply{}, err
		}
		reply = server.Reply{Text: a.teller.Silenced(a.alerts, a.name, done.Until, done.At), Public: true}
	}
	// So that it is done once, also when it is sent again after a restart.
	b.Idempotent = []store.Idempotent{{Key: a.once, Answer: []byte("{}"), At: done.At}}
	switch err := leading.Leadership.Commit(b); {
	case errors.Is(err, store.ErrIdempotent):
		return server.Reply{}, server.ErrReplayed
	case err != nil:
		return server.Reply{}, apiError(err)
	}
	c.notifier.Refresh(ctx)
	return reply, nil
}
