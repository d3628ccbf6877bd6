package notify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/test/leader"
)

// wire is a channel that notes what it is sent, or fails.
type wire struct {
	name string
	down map[string]bool
	mu   *sync.Mutex
	sent *[]string
	also func() // before it is sent
}

// Send implements notifiers.Channel.
func (w wire) Send(_ context.Context, n notifiers.Notice) error {
	if w.down[w.name] {
		return errors.New("no answer")
	}
	w.also()
	w.mu.Lock()
	defer w.mu.Unlock()
	*w.sent = append(*w.sent, w.name+" "+n.Title+" "+n.ID)
	return nil
}

func TestANoticePastTheOutbox(t *testing.T) {
	for name, c := range map[string]struct {
		down []string
		want []string
		err  string
	}{
		"the receivers that routes choose, in their languages":  {nil, []string{"group in zh n_1", "mail in en n_1"}, ""},
		"a receiver that fails is replaced by its fallback":     {[]string{"group"}, []string{"spare in en n_1", "mail in en n_1"}, ""},
		"one of two is enough":                                  {[]string{"group", "spare"}, []string{"mail in en n_1"}, ""},
		"nobody else: every other receiver, until one takes it": {[]string{"group", "spare", "mail"}, []string{"other in en n_1"}, ""},
		"nobody at all": {[]string{"group", "spare", "mail", "other"}, nil, "receiver other: no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []string
			var mu sync.Mutex
			down := map[string]bool{}
			for _, d := range c.down {
				down[d] = true
			}
			receivers := map[string]notifiers.Receiver{}
			for _, r := range []string{"group", "spare", "mail", "other"} {
				receivers[r] = notifiers.Receiver{Channel: wire{r, down, &mu, &sent, func() {}}, Fallback: map[string]string{"group": "spare"}[r]}
			}
			tree, err := route.New(route.Node{Receiver: "group", Routes: []route.Node{{Receiver: "group", Continue: true}, {Receiver: "mail"}}},
				[]string{"group", "spare", "mail", "other"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			d := &notify.Direct{
				Settings: func() notify.Settings {
					return notify.Settings{Decisions: decide.NewSettings(decide.Settings{Routes: tree}), Teller: announce.Renderer{Language: "en"}, Languages: map[string]string{"group": "zh"}}
				},
				Receivers: func() map[string]notifiers.Receiver { return receivers }, Now: leader.Now,
			}
			err = d.Send(t.Context(), "n_1", notice("guardian"))
			slices.Sort(sent) // those that routes choose are told at once
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, sent); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}

// TestOneReceiverThatHangsHoldsNoOtherUp: past the outbox, too.
func TestOneReceiverThatHangsHoldsNoOtherUp(t *testing.T) {
	var sent []string
	var mu sync.Mutex
	heard := make(chan struct{})
	receivers := map[string]notifiers.Receiver{
		"group": {Channel: wire{"group", nil, &mu, &sent, func() { <-heard }}}, // until the other one has it
		"mail":  {Channel: wire{"mail", nil, &mu, &sent, func() { close(heard) }}},
	}
	tree, err := route.New(route.Node{Receiver: "group", Routes: []route.Node{{Receiver: "group", Continue: true}, {Receiver: "mail"}}}, []string{"group", "mail"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &notify.Direct{
		Settings: func() notify.Settings {
			return notify.Settings{Decisions: decide.NewSettings(decide.Settings{Routes: tree}), Teller: announce.Renderer{Language: "en"}}
		},
		Receivers: func() map[string]notifiers.Receiver { return receivers }, Now: leader.Now,
	}
	if err := d.Send(t.Context(), "n_1", notice("guardian")); err != nil || len(sent) != 2 {
		t.Errorf("%v, %q", err, sent)
	}
}
