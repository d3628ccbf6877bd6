package docker_test

import (
	"testing"

	"guardian/actions/docker"
)

func FuzzLogFrames(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x03abc\x02\x00\x00\x00\x00\x00\x00\x02de"))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xffabc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := docker.Frames(b); len(out) > len(b) {
			t.Errorf("%d bytes became %d", len(b), len(out))
		}
	})
	if got := docker.Frames([]byte("\x01\x00\x00\x00\x00\x00\x00\x03abc\x02\x00\x00\x00\x00\x00\x00\x02de")); got != "abcde" {
		f.Errorf("two frames give %q", got)
	}
}
