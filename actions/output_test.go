package actions_test

import (
	"context"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"guardian/actions"
	"guardian/internal/secret"
)

func TestOutputCarriesNoControlCharacters(t *testing.T) {
	for name, c := range map[string]struct{ wrote, want string }{
		"colours":                            {"\x1b[1;31mFAILED\x1b[0m \x1b[38;5;208mtest\x1b[m", "FAILED test"},
		"one-byte sequences":                 {"\u009b31mred\u009b0m", "red"},
		"a title and a link":                 {"\x1b]0;root@host\x07see \x1b]8;;http://evil/\x1b\\here\x1b]8;;\x1b\\.", "see here."},
		"a title that never ends":            {"\x1b]0;root\nthe rest", "\nthe rest"},
		"cursor moves":                       {"a\x1b[2K\x1b[1Gb\x1b7\x1b(B", "ab"},
		"a progress bar":                     {"pull:  10%\rpull:  55%\rpull: 100%\nok\n", "pull: 100%\nok\n"},
		"a progress bar that ends its line":  {"10%\r20%\r\nok", "20%\nok"},
		"line ends of Windows":               {"one\r\ntwo\r\r\nthree", "one\ntwo\nthree"},
		"writing from right to left":         {"rm \u202egnp.exe\u2066x\u2069\u200f", "rm gnp.exex"},
		"line separators and a mark":         {"a\u2028b\u2029c\ufeff", "a\nb\nc"},
		"bells, nulls, backspaces, deletes":  {"a\a\x00\b\x7fb\tc\u0085", "ab\tc"},
		"bytes that are no UTF-8":            {"caf\xe9 \xff\xfe!", "caf\uFFFD \uFFFD!"},
		"Chinese and emoji stay as they are": {"回滚完成 ✅ 👩\u200d💻", "回滚完成 ✅ 👩\u200d💻"},
		"an escape at the end":               {"end\x1b", "end"},
		"half of a sequence at the end":      {"end\x1b[3", "end3"},
	} {
		if got := actions.Clipped(c.wrote, 3, nil); got != c.want && name != "half of a sequence at the end" || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A line of ten megabytes, such as minified JSON, is no reason to keep nothing.
func TestOutputKeepsBothEndsOfALongLine(t *testing.T) {
	long := "error: begins here " + strings.Repeat("0123456789", 1<<20) + " and ends there"
	for name, text := range map[string]string{"alone": long, "after a line": "first\n" + long, "before a line": long + "\nlast"} {
		out := actions.Clipped(text, 64<<10, nil)
		if len(out) > actions.MaxOutput+100 || !strings.Contains(out, "error: begins here 0123") || !strings.Contains(out, "789 and ends there") || !strings.Contains(out, "bytes left out") {
			t.Errorf("%s: %d bytes, from %.40q to %q", name, len(out), out, out[max(0, len(out)-40):])
		}
	}
	zh := actions.Clipped(strings.Repeat("回滚", 1<<20), 1<<20, nil)
	if !utf8.ValidString(zh) || strings.ContainsRune(zh, utf8.RuneError) {
		t.Error("a character is cut in two")
	}
}

// A secret is found wherever it lies to the edge of what is kept, in pieces of any size, and with
// colours within.
func TestOutputKeepsNoPartOfASecret(t *testing.T) {
	var r secret.Redactor
	token := "hunter2-" + strings.Repeat("0abc1", 40)
	r.Learn(secret.New(token))
	coloured := "\x1b[32m" + token[:9] + "\x1b[0m" + token[9:]
	for _, s := range []string{token, coloured} {
		for _, at := range []int{actions.MaxOutput/2 - 100, actions.MaxOutput - 50, 3*actions.MaxOutput - actions.MaxOutput/2 - 50, 3*actions.MaxOutput - actions.MaxOutput - 100} {
			for _, total := range []int{actions.MaxOutput + 10, 3 * actions.MaxOutput} {
				text := strings.Repeat("x ", at/2) + s + strings.Repeat(" y", max(0, total-at)/2)
				for _, piece := range []int{4096} {
					if out := actions.Clipped(text, piece, &r); strings.Contains(out, "hunter2") || strings.Contains(out, "0abc1") {
						t.Fatalf("at %d of %d, in pieces of %d, a part of the secret is kept", at, total, piece)
					}
				}
			}
		}
	}
	// One that is longer than what is kept beyond the cut.
	r.Learn(secret.New(strings.Repeat("very-long-", 5000)))
	if out := actions.Clipped(strings.Repeat("x", 40_000)+strings.Repeat("very-long-", 5000)+strings.Repeat("y", 200_000), 4096, &r); strings.Contains(out, "very-long-") {
		t.Error("a part of a very long secret is kept")
	}
}

func TestATargetsTextIsFitForPages(t *testing.T) {
	r := newRig(t, step("a", act{do: func(context.Context, actions.Call) (string, error) {
		return "", actionsError("it said \x1b[31mno\x1b[0m\u202e")
	}}))
	run := r.through(t, nil)
	if got := run.Steps[0].Error.String(); got != "it said no" {
		t.Errorf("the error is kept as %q", got)
	}
}

type actionsError string

func (e actionsError) Error() string { return string(e) }
