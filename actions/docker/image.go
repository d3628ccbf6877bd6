package docker

import (
	"regexp"

	"guardian/actions"
	"guardian/internal/reason"
)

// imageShape is what the Docker Engine takes for the name of an image: a host, a path, a tag and a
// digest.
var imageShape = regexp.MustCompile(`^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*` +
	`(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$`)

// Misfit implements actions.Fitting: the image that the step would start must be the name of one.
func (s *Settings) Misfit(c actions.Call) reason.Reason {
	image, ok := s.imageOf(c)
	if !ok || imageShape.MatchString(image) {
		return reason.Reason{}
	}
	return reason.New("version_misfit", "version", c.Run.To, "image", image, "runbook", c.Run.Runbook, "template", "{{tag .To}}")
}

// imageOf gives the image that the step would start; false when that cannot be known before.
func (s *Settings) imageOf(c actions.Call) (string, bool) {
	t, err := actions.ParseTemplate("image", s.Image)
	if err != nil {
		return "", false
	}
	data, err := c.Data()
	if err != nil {
		return "", false
	}
	image, err := t.Render(data)
	return image, err == nil
}
