package versions_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"guardian/internal/versions"
)

func TestSameVersionWhateverItsSpelling(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"v1.4.2", "v1.4.2", true},
		{"v1.4.2", "1.4.2", true},
		{"V1.4.2", "v1.4.2", true},
		{" v1.4.2\n", "1.4.2", true},
		{"v1.4.2+build.7", "1.4.2+build.7", true},
		{"v1.4.2+build.7", "v1.4.2_build.7", true},
		{"v1.4.2+build.7", "1.4.2-build.7", true},
		{"v1.4.2+build.7", "v1.4.2", false},
		{"v1.4.2+build.7", "v1.4.2+build.8", false},
		{"v1.4.2", "v1.4.20", false},
		{"v1.4.2", "v1.4.2-rc1", false},
		{"vv1", "1", false},
		{"version", "ersion", false},
		{"v", "", false},
		{"", "", true},
		{"3f2a9c1", "3F2A9C1", false},
		{"release_1", "release+1", false},
	} {
		if versions.Same(c.a, c.b) != c.same || versions.Same(c.b, c.a) != c.same {
			t.Errorf("%q and %q: same %v, want %v", c.a, c.b, !c.same, c.same)
		}
		if versions.Contains([]string{"x", c.a}, c.b) != c.same {
			t.Errorf("%q among others: %v, want %v", c.b, !c.same, c.same)
		}
	}
}

func TestWhatAnAnswerNames(t *testing.T) {
	for _, c := range []struct {
		answer, version string
		names           bool
	}{
		{"1.4.2", "v1.4.2", true},
		{"1.4.2", "v1.4.2+build.7", true},
		{"1.4.2+build.7", "v1.4.2+build.7", true},
		{"1.4.2+build.7", "v1.4.2", false},
		{"1.4.2+build.8", "v1.4.2+build.7", false},
		{"1.4.1", "v1.4.2+build.7", false},
		{"", "v1.4.2+build.7", false},
		{"", "+7", false},
	} {
		if versions.Names(c.answer, c.version) != c.names {
			t.Errorf("%q names %q: %v, want %v", c.answer, c.version, !c.names, c.names)
		}
	}
}

func TestAVersionFitsIntoATag(t *testing.T) {
	for version, want := range map[string]string{
		"v1.4.2": "v1.4.2", "v1.4.2+build.7": "v1.4.2_build.7", "feature/x@2": "feature-x-2", "~1": "1", " v1 ": "v1",
		strings.Repeat("a", 200): strings.Repeat("a", 128),
	} {
		if got := versions.Tag(version); got != want || !versions.IsTag(got) {
			t.Errorf("%q becomes %q, want %q", version, got, want)
		}
	}
	for _, bad := range []string{"", "v1+2", "a/b", ".x", "-x", strings.Repeat("a", 129)} {
		if versions.IsTag(bad) {
			t.Errorf("%q is taken for a tag", bad)
		}
	}
}

// TestATagIsTheVersion: what was deployed as a tag is recognised as what was announced.
func TestATagIsTheVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`v?[0-9]\.[0-9]{1,2}\.[0-9](-rc\.[0-9])?(\+[a-z0-9.]{1,8})?`).Draw(t, "version")
		if tag := versions.Tag(v); !versions.IsTag(tag) || !versions.Same(tag, v) {
			t.Errorf("%q becomes %q", v, tag)
		}
	})
}

func TestWhatAnImageNames(t *testing.T) {
	for _, c := range []struct {
		image, version string
		names          bool
	}{
		{"shop:v1", "v1", true},
		{"shop:1.4.2", "v1.4.2", true},
		{"registry.example.com:5000/shop:v1.4.2_build.7", "v1.4.2+build.7", true},
		{"registry.example.com:5000/shop", "5000/shop", false},
		{"shop:v10", "v1", false},
		{"shop", "shop", true},
		{"shop:v1@sha256:aa", "v1", true},
		{"shop@sha256:aa", "sha256:aa", true},
		{"shop@sha256:ab", "sha256:aa", false},
	} {
		if versions.OfImage(c.image, c.version) != c.names {
			t.Errorf("%s names %s: %v, want %v", c.image, c.version, !c.names, c.names)
		}
	}
}
