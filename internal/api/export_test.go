package api

import (
	"context"
	"time"
)

// Conversions that are tested by themselves.
var (
	APIError      = apiError
	AnnounceError = announceError
	AnswerError   = answerError
	DeployOf      = deployOf
	DeployFacts   = deployFacts
	GroupOf       = groupOf
	RunOf         = runOf
	Thin          = thin
)

// Await waits as requests do.
func Await[T any](ctx context.Context, c *Changes, atMost time.Duration, ask func() (T, bool, error)) (T, error) {
	return await(ctx, c, atMost, ask)
}
