// Package docker is the kind of step that re-creates containers of a Docker Engine with another
// image: what a re-created container keeps and would lose (config.go, layer.go, plan.go), how
// containers are replaced in order (swap.go) and put back (undo.go), and the engine's API (api.go). The
// kind compose does that to several services of a compose project at once (compose.go).
package docker
