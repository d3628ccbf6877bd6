package alerting_test

import (
	"context"
	"testing"
	"time"
)

// Steps of an escalation are taken when their time has come, though no rule is evaluated meanwhile.
func TestTheClockEscalates(t *testing.T) {
	escalating(t, func(n *night) {
		n.line(".xxxxx")
		n.wantTold(toAda)
		ctx, cancel := context.WithCancel(n.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.alerts.Run(ctx) }()
		time.Sleep(6 * time.Minute)
		n.wantTold(toAda, toGroup)
		cancel()
		<-ended
		time.Sleep(time.Hour)
		n.wantTold(toAda, toGroup)
	})
}
