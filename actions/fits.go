package actions

import (
	"reflect"
	"regexp"
	"strings"

	"guardian/internal/reason"
)

// imageShape is what the Docker Engine takes for the name of an image: a host, a path, a tag and a
// digest.
var imageShape = regexp.MustCompile(`^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*` +
	`(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$`)

// Misfit says why the runbook cannot put a version back: the name of an image that it makes of it
// would not be one. Zero: as far as can be known before, it can.
func (s *RunbookSettings) Misfit(version string) reason.Reason {
	for _, st := range s.Steps {
		docker, ok := st.Settings.(*DockerSettings)
		if !ok {
			continue
		}
		call := sampleCall()
		call.Run.To = version
		image, ok := docker.imageOf(call)
		if ok && !imageShape.MatchString(image) {
			return reason.New("version_misfit", "version", version, "image", image, "runbook", s.Name, "template", "{{tag .To}}")
		}
	}
	return reason.Reason{}
}

// imageOf gives the image that the step would start; false when that cannot be known before.
func (s *DockerSettings) imageOf(c Call) (string, bool) {
	t, err := parseText("image", s.Image)
	if err != nil {
		return "", false
	}
	data, err := c.data()
	if err != nil {
		return "", false
	}
	image, err := t.render(data)
	return image, err == nil
}

// usesTo finds the use of the version to put back in a template.
var usesTo = regexp.MustCompile(`\{\{[^}]*\.To\b`)

// UsesVersion names a template of the runbook that uses the version to put back; "" when none does.
func (s *RunbookSettings) UsesVersion() string {
	for _, st := range s.Steps {
		if text := findTo(reflect.ValueOf(st.Settings)); text != "" {
			return text
		}
	}
	return ""
}

// findTo looks through the texts of settings.
func findTo(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return usesTo.FindString(v.String())
	case reflect.Pointer, reflect.Interface:
		return findTo(v.Elem())
	case reflect.Struct:
		for _, f := range v.Fields() {
			if text := findTo(f); text != "" {
				return text
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if text := findTo(v.Index(i)); text != "" {
				return text
			}
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			if text := findTo(value); text != "" {
				return text
			}
		}
	default:
	}
	return ""
}

// trimPrefix and replace are strings' own, with what they work on last, as in a template's pipe.
func trimPrefix(prefix, text string) string { return strings.TrimPrefix(text, prefix) }

func replace(old, with, text string) string { return strings.ReplaceAll(text, old, with) }
