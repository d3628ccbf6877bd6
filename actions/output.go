package actions

import (
	"bytes"
	"fmt"
	"strings"

	"guardian/internal/secret"
)

// MaxOutput is the most that is kept of a step's output, in bytes: half of it from the
// beginning, half from the end.
const MaxOutput = 64 << 10

// clip is a writer that keeps the head and the tail of what is written, and never fails.
type clip struct {
	head, tail []byte
	dropped    int
}

const half = MaxOutput / 2

func (c *clip) Write(p []byte) (int, error) {
	n := len(p)
	if room := half - len(c.head); room > 0 {
		k := min(room, len(p))
		c.head = append(c.head, p[:k]...)
		p = p[k:]
	}
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - half; over > 0 {
		c.dropped += over
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
	return n, nil
}

// text gives what was kept, redacted. Where something was left out, the lines that were cut
// in two go as well: half of a secret is not recognised as one.
func (c *clip) text(r *secret.Redactor) string {
	head, tail, dropped := c.head, c.tail, c.dropped
	if dropped == 0 {
		return r.Redact(strings.ToValidUTF8(string(head)+string(tail), "\uFFFD"))
	}
	i := bytes.LastIndexByte(head, '\n') + 1
	dropped += len(head) - i
	head = head[:i]
	if i = bytes.IndexByte(tail, '\n') + 1; i == 0 {
		i = len(tail)
	}
	dropped += i
	tail = tail[i:]
	return r.Redact(strings.ToValidUTF8(fmt.Sprintf("%s[… %d bytes left out …]\n%s", head, dropped, tail), "\uFFFD"))
}

// clipText bounds a text as output is.
func clipText(text string, r *secret.Redactor) string {
	var c clip
	_, _ = c.Write([]byte(text))
	return c.text(r)
}
