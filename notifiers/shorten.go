package notifiers

import (
	"strings"
	"unicode/utf8"
)

// Shorten cuts text to at most limit bytes, between characters, and appends mark when it cut
// something. The result is valid UTF-8: other bytes are replaced.
func Shorten(text string, limit int, mark string) string {
	return shorten(text, limit, mark, utf8.RuneLen)
}

// shorten is Shorten with another unit: size returns the length of a character.
func shorten(text string, limit int, mark string, size func(rune) int) string {
	text, limit = strings.ToValidUTF8(text, "\uFFFD"), max(limit, 0)
	if length(text, size) <= limit {
		return text
	}
	mark = strings.ToValidUTF8(mark, "\uFFFD")
	room := limit - length(mark, size)
	if room < 0 {
		return shorten(mark, limit, "", size)
	}
	end := 0
	for i, r := range text {
		if room -= size(r); room < 0 {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	return strings.TrimRight(text[:end], " \n\u200d") + mark
}

func length(text string, size func(rune) int) int {
	total := 0
	for _, r := range text {
		total += size(r)
	}
	return total
}

// caps are upper bounds for the parts of a notice.
type caps struct {
	text, facts, value, steps, step, links int // value, step and text in the unit of size
}

// maxCaps are bounds that no notice of a readable length reaches.
func maxCaps() caps { return caps{text: 6000, facts: 30, value: 800, steps: 15, step: 600, links: 8} }

// longestURL is the longest link that messengers accept, in bytes. Longer links are left out:
// a truncated URL does not work.
const longestURL = 2000

// fit shortens a notice until fits accepts it. All parts shrink in proportion, and the text
// ends with a note that the notice was shortened and where to read all of it.
func fit(n Notice, size func(rune) int, fits func(Notice) bool) Notice {
	out := n
	for scale := 1.0; scale > 0.01; scale *= 0.85 {
		if out = n.within(maxCaps().times(scale), size); fits(out) {
			return out
		}
	}
	out.Text, out.Facts, out.Steps, out.Links = wordsOf(n.Lang).shortened, nil, nil, nil
	return out
}

func (c caps) times(f float64) caps {
	by := func(n int) int { return int(float64(n) * f) }
	return caps{by(c.text), by(c.facts), by(c.value), by(c.steps), by(c.step), by(c.links)}
}

func (n Notice) within(c caps, size func(rune) int) Notice {
	out := n
	cut := false
	short := func(s string, limit int) string {
		got := shorten(s, limit, "…", size)
		cut = cut || got != s
		return got
	}
	out.Title = short(oneLine(n.title()), 150)

	out.Facts, out.Steps, out.Links = nil, nil, nil
	for _, f := range n.Facts[:min(len(n.Facts), c.facts)] {
		if f.Value != "" {
			out.Facts = append(out.Facts, Fact{Name: short(f.Name, 100), Value: short(f.Value, max(c.value, 1))})
		}
	}
	for _, s := range n.Steps[:min(len(n.Steps), c.steps)] {
		out.Steps = append(out.Steps, short(s, max(c.step, 1)))
	}
	for _, l := range n.Links {
		if l.URL != "" && len(l.URL) <= longestURL && len(out.Links) < max(c.links, 1) {
			out.Links = append(out.Links, Link{Text: short(l.Text, 60), URL: l.URL})
		}
	}
	cut = cut || len(n.Facts) > c.facts || len(n.Steps) > c.steps

	if cut || length(n.Text, size) > c.text {
		w := wordsOf(n.Lang)
		mark := "… " + w.shortened
		if len(out.Links) > 0 {
			mark = "… " + w.shortenedSeeLink
		}
		// The mark is added even when another part than the text was cut.
		room := max(c.text, length(mark, size))
		out.Text = shorten(n.Text, room-length(mark, size), "", size) + mark
	} else {
		out.Text = strings.ToValidUTF8(n.Text, "\uFFFD")
	}
	return out
}

// title returns the title or a replacement: messengers refuse a message without a title.
func (n Notice) title() string {
	for _, s := range []string{n.Title, n.Text, n.Key} {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return "Guardian"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
