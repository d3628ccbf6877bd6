// Package netpath tells an outage of the guardian's own network from an outage of a target.
//
// Checks may share a network path, and a path may have controls: checks of targets that are
// always there. While no control of a path answers, a check of that path that is down has
// learned nothing about its target, so its sample becomes Unknown before anybody else sees it.
// A sample that is up stays up: a check that got its answer was not cut off.
//
// It will not announce an outage (internal/alerting does), nor look by itself: the
// function in its Options looks at a control. It has no goroutine of its own: Correct runs in the
// goroutine of the check whose sample it corrects. Start at Paths.
package netpath
