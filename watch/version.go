package watch

import "strings"

// SameVersion reports whether two spellings name one version.
func SameVersion(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }
