package versions

import (
	"regexp"
	"slices"
	"strings"
)

// Same tells whether two spellings name the same version. Spaces around it and a v before its number
// do not matter, and + is as good as the _ or - that stands for it in the tag of an image:
// v1.4.2+build.7, 1.4.2+build.7 and v1.4.2_build.7 are one version. Builds of one release are
// different versions: 1.4.2 is neither 1.4.2+build.7 nor 1.4.2+build.8.
func Same(a, b string) bool { return a == b || Key(a) == Key(b) }

// Key gives the same text for all spellings of a version.
func Key(version string) string {
	version = strings.TrimSpace(version)
	number := strings.TrimLeft(version, "vV")
	if number == "" || number[0] < '0' || number[0] > '9' || len(version)-len(number) > 1 {
		return version
	}
	return strings.Map(func(r rune) rune { // allocates only where there is something to replace
		if r == '+' || r == '_' {
			return '-'
		}
		return r
	}, number)
}

// Contains tells whether a version is among others, in any spelling.
func Contains(all []string, version string) bool {
	return slices.ContainsFunc(all, func(v string) bool { return Same(v, version) })
}

// Names tells whether an answer of a service names a version. Many services do not know their
// build: one that answers 1.4.2 may be 1.4.2+build.7.
func Names(answer, version string) bool {
	if Same(answer, version) {
		return true
	}
	release, _, built := strings.Cut(version, "+")
	return built && answer != "" && Same(answer, release)
}

// tagShape is what the Docker Engine takes for the tag of an image.
var tagShape = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// IsTag tells whether a text may be the tag of an image.
func IsTag(text string) bool { return tagShape.MatchString(text) }

// longestTag is how long the tag of an image may be, in bytes.
const longestTag = 128

// Tag makes a version fit into the tag of an image: + becomes _, as in Helm's charts, and any other
// character that no tag has becomes -.
func Tag(version string) string {
	fitting := func(r rune) rune {
		switch {
		case r == '+':
			return '_'
		case r == '_' || r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			return r
		default:
			return '-'
		}
	}
	tag := strings.TrimLeft(strings.Map(fitting, strings.TrimSpace(version)), ".-")
	return tag[:min(len(tag), longestTag)]
}

// OfImage tells whether the tag or the digest of an image names a version.
func OfImage(image, version string) bool {
	name, digest, _ := strings.Cut(image, "@")
	if digest != "" && digest == version {
		return true
	}
	last := name[strings.LastIndexByte(name, '/')+1:]
	_, tag, tagged := strings.Cut(last, ":")
	return image == version || tagged && (Same(tag, version) || tag == Tag(version))
}
