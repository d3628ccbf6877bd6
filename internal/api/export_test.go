package api

import (
	"context"
	"time"

	"guardian/internal/server"
)

// Conversions that are tested by themselves.
var (
	APIError      = apiError
	AnnounceError = announceError
	AnswerError   = answerError
	DeployOf      = deployOf
	DeployFacts   = deployFacts
	RunFacts      = runFacts
	DrillTimes    = drillTimes
	GroupOf       = groupOf
	RunOf         = runOf
	Thin          = thin
)

// Await waits as requests do.
func Await[T any](ctx context.Context, c *Changes, atMost time.Duration, ask func() (T, bool, error)) (T, error) {
	return await(ctx, c, atMost, ask)
}

// OnCall lists the schedules of a running configuration.
func OnCall(running func() Running) server.OnCall { return onCall{running: running} }
