package notifiers

import (
	"fmt"
	"regexp"
	"strings"
)

// markup is one messenger's dialect of markdown.
type markup struct {
	heading string // stands before the title; "": the title is shown elsewhere
	newline string // ends a line within a paragraph
	quote   string // begins a line of a quotation; "": there are none
}

// render renders a notice without its links.
func (m markup) render(n Notice) string {
	w := wordsOf(n.Lang)
	var parts []string
	if m.heading != "" {
		parts = append(parts, m.heading+n.Tone.Emoji()+" "+escapeMarkdown(oneLine(n.title())))
	}
	if n.Text != "" {
		parts = append(parts, m.lines(n.Text))
	}
	if len(n.Facts) > 0 {
		var facts []string
		for _, f := range n.Facts {
			facts = append(facts, m.quote+"**"+unlinked(escapeMarkdown(oneLine(f.Name)))+"**"+w.colon+unlinked(escapeMarkdown(oneLine(f.Value))))
		}
		parts = append(parts, strings.Join(facts, m.newline))
	}
	if len(n.Steps) > 0 {
		steps := []string{"**" + w.steps + "**"}
		for i, s := range n.Steps {
			steps = append(steps, fmt.Sprintf("%d. %s", i+1, escapeMarkdown(oneLine(s))))
		}
		parts = append(parts, strings.Join(steps, m.newline))
	}
	return strings.Join(parts, "\n\n")
}

// lines keeps line breaks.
func (m markup) lines(text string) string {
	all := strings.Split(text, "\n")
	for i, l := range all {
		all[i] = escapeMarkdown(strings.TrimRight(l, " \r"))
	}
	return strings.Join(all, m.newline)
}

// markdownLinks renders links in one line.
func markdownLinks(links []Link) string {
	var out []string
	address := strings.NewReplacer("(", "%28", ")", "%29", " ", "%20")
	for _, l := range links {
		out = append(out, "["+escapeMarkdown(oneLine(l.Text))+"]("+address.Replace(l.URL)+")")
	}
	return strings.Join(out, " | ")
}

var tagBegins = regexp.MustCompile(`<([A-Za-z/!@])`)

// escapeMarkdown prevents text from being rendered as links, images, headings, quotes, HTML or
// mentions.
func escapeMarkdown(s string) string {
	s = undirected(s)
	s = tagBegins.ReplaceAllString(strings.ReplaceAll(s, "](", "] ("), "<\u200b$1")
	if t := strings.TrimLeft(s, " \t"); strings.HasPrefix(t, "#") || strings.HasPrefix(t, ">") {
		s = "\u200b" + s
	}
	return s
}

var linkBegins = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*:)//|\b(www)\.`)

// unlinked prevents the addresses in the value of a fact from becoming links: values are labels, which
// others may choose. The links of a notice are its own.
func unlinked(s string) string {
	return linkBegins.ReplaceAllStringFunc(s, func(found string) string {
		if scheme, ok := strings.CutSuffix(found, "//"); ok {
			return scheme + "\u200b//"
		}
		return strings.TrimSuffix(found, ".") + "\u200b."
	})
}

// withKeyword puts the robot's first keyword before a text that contains none of them.
func withKeyword(text string, keywords []string) string {
	if len(keywords) == 0 {
		return text
	}
	for _, k := range keywords {
		if strings.Contains(text, k) {
			return text
		}
	}
	if heading, ok := strings.CutPrefix(text, "#### "); ok {
		return "#### [" + keywords[0] + "] " + heading
	}
	return "[" + keywords[0] + "] " + text
}

// PlainText renders a notice without any markup.
func PlainText(n Notice) string { return plainText(n) }

// plainText renders a notice without any markup, for messengers and mails that have none.
func plainText(n Notice) string {
	w := wordsOf(n.Lang)
	parts := []string{n.Tone.Emoji() + " " + oneLine(n.title())}
	if n.Text != "" {
		parts = append(parts, n.Text)
	}
	var lines []string
	for _, f := range n.Facts {
		lines = append(lines, oneLine(f.Name)+w.colon+oneLine(f.Value))
	}
	if len(lines) > 0 {
		parts = append(parts, strings.Join(lines, "\n"))
	}
	if len(n.Steps) > 0 {
		lines = []string{w.steps + strings.TrimRight(w.colon, " ")}
		for i, s := range n.Steps {
			lines = append(lines, fmt.Sprintf("%d. %s", i+1, oneLine(s)))
		}
		parts = append(parts, strings.Join(lines, "\n"))
	}
	if len(n.Links) > 0 {
		lines = nil
		for _, l := range n.Links {
			lines = append(lines, oneLine(l.Text)+w.colon+l.URL)
		}
		parts = append(parts, strings.Join(lines, "\n"))
	}
	return strings.Join(parts, "\n\n")
}
