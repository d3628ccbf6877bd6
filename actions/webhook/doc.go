// Package webhook is the kind of step that calls a deploy tool over HTTP, and waits for the work that
// it accepted: settings and their checks (webhook.go), what is done (do.go), HTTP (http.go).
package webhook
