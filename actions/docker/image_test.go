package docker_test

import (
	"testing"

	"guardian/actions"
	"guardian/actions/docker"
)

func TestAVersionThatDoesNotFitIntoAnImage(t *testing.T) {
	for _, c := range []struct {
		image, version string
		fits           bool
	}{
		{"shop:{{.To}}", "v1.4.2", true},
		{"shop:{{.To}}", "v1.4.2+build.7", false},
		{"shop:{{tag .To}}", "v1.4.2+build.7", true},
		{`shop:{{replace "+" "-" .To}}`, "v1.4.2+build.7", true},
		{`shop:{{.To | trimPrefix "v"}}`, "v1.4.2", true},
		{"registry.example.com:5000/team/shop:{{.To}}", "v1", true},
		{"shop:{{.To}}", "feature/x", false},
		{"shop:{{.To}}", "a:b", false},
		{"{{.To}}", "shop@sha256:0123456789012345678901234567890123456789012345678901234567890123", true},
		{"{{.Registry}}/shop:{{.To}}", "v1+7", true}, // not known before
	} {
		book := actions.RunbookSettings{Name: "back", Steps: []actions.StepSettings{{Kind: "docker", Settings: &docker.Settings{Image: c.image}}}}
		if why := book.Misfit(c.version); why.IsZero() != c.fits {
			t.Errorf("%s in %s: %q, want that it fits: %v", c.version, c.image, why, c.fits)
		}
	}
}
