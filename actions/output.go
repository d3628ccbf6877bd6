package actions

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"guardian/internal/reason"
	"guardian/internal/secret"
)

// MaxOutput is the most that is kept of a step's output, in bytes: half of it from the
// beginning, half from the end.
const MaxOutput = 64 << 10

const (
	half = MaxOutput / 2
	// slack is kept beyond each half, so that a secret at the cut is whole where it is looked for.
	slack = 32 << 10
	kept  = half + slack
)

// Clip is a writer that keeps the beginning and the end of what is written, also of a single
// long line, and never fails. It is safe for concurrent use: output may come in two streams at once.
type Clip struct {
	mu         sync.Mutex
	head, tail []byte
	total      int
}

func (c *Clip) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(p)
	c.total += n
	if room := kept - len(c.head); room > 0 {
		k := min(room, len(p))
		c.head = append(c.head, p[:k]...)
		p = p[k:]
	}
	c.tail = append(c.tail, p[max(0, len(p)-kept):]...)
	if len(c.tail) > 2*kept { // seldom, so that small pieces cost little
		c.tail = append(c.tail[:0], c.tail[len(c.tail)-kept:]...)
	}
	return n, nil
}

// Text gives what was kept as people may read it. A cut may have left a part of a secret at the
// edge, which nothing recognises as one: so much of the edge goes as a secret is long.
func (c *Clip) Text(redactors ...*secret.Redactor) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.tail[max(0, len(c.tail)-kept):]
	if c.total == len(c.head)+len(end) {
		all := Shown(string(c.head)+string(end), redactors...)
		if len(all) <= MaxOutput {
			return all
		}
		return c.join(all[:half], all[len(all)-half:])
	}
	edge := 0
	for _, r := range redactors {
		edge = max(edge, 2*r.Longest())
	}
	if edge > slack {
		return c.join("", "")
	}
	head, tail := Shown(string(c.head), redactors...), Shown(string(end), redactors...)
	head, tail = head[:max(0, len(head)-edge)], tail[min(len(tail), edge):]
	return c.join(head[:min(half, len(head))], tail[max(0, len(tail)-half):])
}

// join puts the beginning and the end together, without the characters that were cut in two.
func (c *Clip) join(head, tail string) string {
	for head != "" {
		if r, n := utf8.DecodeLastRuneInString(head); r != utf8.RuneError || n != 1 {
			break
		}
		head = head[:len(head)-1]
	}
	for tail != "" && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	gap := fmt.Sprintf("[… %d bytes left out …]", max(1, c.total-len(head)-len(tail)))
	if head == "" || strings.HasSuffix(head, "\n") {
		gap += "\n"
	}
	return head + gap + tail
}

// ClipText bounds a text as output is.
func ClipText(text string, redactors ...*secret.Redactor) string {
	var c Clip
	_, _ = c.Write([]byte(text))
	return c.Text(redactors...)
}

// Shown gives a text that comes from elsewhere as people may read it: without secrets and control
// characters. It is redacted before, because a secret may hold such characters, and after, because
// they may have parted one.
func Shown(text string, redactors ...*secret.Redactor) string {
	for _, r := range redactors {
		text = r.Redact(text)
	}
	clean := printable(text)
	if clean == text {
		return text
	}
	for _, r := range redactors {
		clean = r.Redact(clean)
	}
	return clean
}

// escapes are the sequences by which programs colour a terminal, move on it and name its window.
var escapes = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]" + // CSI
	"|(?:\x1b[\\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\x1b\x07\u009c\n]*(?:\x07|\x1b\\\\|\u009c)?" + // OSC and other texts
	"|\x1b[ -/]*[0-~]?")

// printable takes out of a text what terminals and browsers do not show but obey: colours, and
// characters that turn the direction of writing. Of a line that was written over again and again,
// such as a progress bar, its last state is left.
func printable(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.ContainsFunc(text, invisible) {
		return text
	}
	text = escapes.ReplaceAllString(text, "")
	if strings.Contains(text, "\r") {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			line = strings.TrimRight(line, "\r")
			lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
		}
		text = strings.Join(lines, "\n")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u2028' || r == '\u2029':
			return '\n'
		case invisible(r):
			return -1
		}
		return r
	}, text)
}

// invisible tells whether a character is obeyed instead of shown.
func invisible(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' ||
		unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

// exitNotYet is the exit status of a status command whose target still works: EX_TEMPFAIL of
// sysexits.h.
const exitNotYet = 75

// StatusOf tells what a status command says by its exit status: whether the step happened. The last line
// of its output is the detail.
func StatusOf(code int, output string) (Outcome, reason.Reason) {
	last := strings.TrimSpace(output)
	last = last[strings.LastIndexByte(last, '\n')+1:]
	switch code {
	case 0:
		return Happened, reason.Text(last)
	case 1:
		return NotHappened, reason.Text(last)
	case exitNotYet:
		return Pending, reason.Text(last)
	default:
		return Unclear, reason.New("exec_status_unclear", "status", code, "output", last)
	}
}
