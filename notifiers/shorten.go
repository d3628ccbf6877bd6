package notifiers

import (
	"slices"
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
	fits(out) // it is the last one that was tried, and what is sent
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
		if (l.URL != "" || l.Button != nil) && len(l.URL) <= longestURL && len(out.Links) < max(c.links, 1) {
			out.Links = append(out.Links, Link{Text: short(l.Text, 60), URL: l.URL, Button: l.Button})
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
		room := max(c.text, length(mark, size)+1)
		room -= length(mark, size)
		if len(n.Merged) > 0 {
			out.Text = shortenLines(n.Text, room, size) + "\n" + mark
		} else {
			out.Text = shortenText(n.Text, room, size) + mark
		}
	} else {
		out.Text = strings.ToValidUTF8(n.Text, "\uFFFD")
	}
	return out
}

// shortenText is shorten for a text of several sentences: it prefers to cut after a line or a
// sentence, then between words, unless that takes more than half of what fits.
func shortenText(text string, limit int, size func(rune) int) string {
	got := shorten(text, limit, "", size)
	if len(got) == len(strings.ToValidUTF8(text, "\uFFFD")) {
		return got
	}
	for _, ends := range [][]string{{"\n", "。", "！", "？", "；", ". ", "! ", "? "}, {" ", "，", "、", ", "}} {
		cut := -1
		for _, e := range ends {
			if i := strings.LastIndex(got, e); i >= 0 {
				cut = max(cut, i+len(e))
			}
		}
		if cut > len(got)/2 {
			return strings.TrimRight(got[:cut], " \n")
		}
	}
	return got
}

// shortenLines is shorten for a list: it shortens each line that is longer than its share, so that
// every line can still be read.
func shortenLines(text string, limit int, size func(rune) int) string {
	lines := strings.Split(text, "\n")
	room := max(limit-(len(lines)-1)*size('\n'), 0)
	lengths := make([]int, len(lines))
	for i, l := range lines {
		lengths[i] = length(strings.ToValidUTF8(l, "\uFFFD"), size)
	}
	// Lines below their share leave the rest of it to the longer ones.
	slices.Sort(lengths)
	share := room
	for i, n := range lengths {
		share = room / (len(lengths) - i)
		if n > share {
			break
		}
		room -= n
	}
	for i, l := range lines {
		lines[i] = shorten(l, share, "…", size)
	}
	return strings.Join(lines, "\n")
}

// splitLines splits a text between lines into parts of at most limit. A line that is longer is a
// part by itself.
func splitLines(text string, limit int, size func(rune) int) []string {
	var parts []string
	for line := range strings.SplitSeq(text, "\n") {
		last := len(parts) - 1
		if last >= 0 && length(parts[last], size)+size('\n')+length(line, size) <= limit {
			parts[last] += "\n" + line
			continue
		}
		parts = append(parts, line)
	}
	return parts
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

func oneLine(s string) string { return undirected(strings.Join(strings.Fields(s), " ")) }

// undirected removes the characters that turn the direction of text: with them, what is read is not
// what stands there.
func undirected(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return -1
		}
		return r
	}, s)
}
