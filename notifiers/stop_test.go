package notifiers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

type hanging struct{}

func (hanging) Send(ctx context.Context, _ notifiers.Notice) error {
	<-ctx.Done()
	return &notifiers.Retry{Err: ctx.Err()}
}

// detached is an outbox that still saves after ctx has ended: only the dispatcher can decide
// that the outcome of a cancelled call is not saved.
type detached struct{ notifiers.Outbox }

func (o detached) Save(ctx context.Context, ds ...notifiers.Delivery) error {
	return o.Outbox.Save(context.WithoutCancel(ctx), ds...)
}

func TestStopDoesNotWaitForAMessengerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t, one(hanging{}), func(o *notifiers.Options) { o.Outbox = detached{o.Outbox} })
		k.start()
		k.put("oncall", "info", "a/1")
		pass(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := k.d.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		k.state("oncall/a/1", notifiers.Sending) // it may have arrived or not: it is sent again later
	})
}

func TestACallTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t, one(hanging{}))
		k.start()
		k.put("oncall", "info", "a/1")
		pass(16 * time.Second)
		if d := k.outbox.Get("oncall/a/1"); d.State != notifiers.Queued || !strings.Contains(d.Error, "deadline") {
			t.Errorf("%+v", d)
		}
	})
}

type panicking struct{}

func (panicking) Send(context.Context, notifiers.Notice) error { panic("nil map") }

func TestAPanicOfAChannelCountsAsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: panicking{}, Fallback: "b"}, "b": {Channel: m}})
		k.start()
		k.put("a", "critical", "x/1")
		pass(5 * time.Minute)
		if m.titles() != "1" {
			t.Errorf("the fallback got %q", m.titles())
		}
	})
}

func TestANoticeSilencedBeforeItIsSentIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m), func(o *notifiers.Options) {
			o.Drop = func(d notifiers.Delivery) string {
				if d.Notice.Key == "a" {
					return "silenced"
				}
				return ""
			}
		})
		k.start()
		k.put("oncall", "critical", "a/1", "b/2")
		pass(time.Second)
		if d := k.state("oncall/a/1", notifiers.Dropped); d.Error != "silenced" || m.titles() != "2" {
			t.Errorf("%+v, arrived %q", d, m.titles())
		}
	})
}
