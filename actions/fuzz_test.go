package actions_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"guardian/actions"
	"guardian/internal/secret"
)

// Wherever a secret stands in a long output, neither it nor a half of it is kept.
func FuzzOutputKeepsSecrets(f *testing.F) {
	f.Add(10, 10, 100, false)
	f.Add(actions.MaxOutput/2-6, actions.MaxOutput, 4096, false)
	f.Add(actions.MaxOutput/2-6, actions.MaxOutput, 1, true)
	f.Add(actions.MaxOutput, actions.MaxOutput/2-4, 7, true)
	f.Fuzz(func(t *testing.T, before, after, piece int, lines bool) {
		const limit = 3 * actions.MaxOutput
		if before < 0 || after < 0 || before > limit || after > limit {
			t.Skip()
		}
		var r secret.Redactor
		r.Learn(secret.New("hunter2secret"))
		fill := func(n int) string {
			if lines {
				return strings.Repeat("a line\n", n/7)
			}
			return strings.Repeat("x", n)
		}
		out := actions.Clipped(fill(before)+"hunter2secret"+fill(after), piece, &r)
		if strings.Contains(out, "hunter2") || strings.Contains(out, "2secret") || len(out) > actions.MaxOutput+100 || !utf8.ValidString(out) {
			t.Errorf("%d bytes are kept, with the secret in them or not valid", len(out))
		}
	})
}
