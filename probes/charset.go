package probes

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"guardian/internal/reason"
)

// isText reports whether a body is text: other bodies are judged as the bytes that they are.
func isText(body []byte, contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if media == "" {
		media = http.DetectContentType(body)
	}
	if strings.HasPrefix(media, "text/") || labelOf(contentType) != "" {
		return true
	}
	for _, word := range []string{"json", "xml", "html", "javascript", "graphql", "yaml", "csv", "urlencoded"} {
		if strings.Contains(media, word) {
			return true
		}
	}
	return false
}

// labelOf returns the character set that a content type names, in lower case.
func labelOf(contentType string) string {
	_, rest, ok := strings.Cut(strings.ToLower(contentType), "charset=")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, ";")
	rest, _, _ = strings.Cut(rest, ",")
	return strings.Trim(rest, " \t\"'")
}

// readText reads text in the character set that label names or, if label is "", as browsers do: by
// its byte order mark, by what the content type and then the text itself declare, and else by its
// bytes.
func readText(raw []byte, contentType, label string) content {
	if e, mark, ok := marked(raw); ok {
		return decodeText(raw, e, mark)
	}
	if label = strings.ToLower(label); label == "" {
		label = declared(raw, contentType)
	}
	if label == "" || label == "utf-16" {
		if e := zeros(raw); e != nil {
			return decodeText(raw, e, "utf-16")
		}
	}
	switch {
	case label == "" && utf8.Valid(raw), isASCII(raw) && !strings.HasPrefix(label, "iso-2022"):
		return content{body: withoutMarks(raw)}
	case label == "":
		return guess(raw)
	}
	e, name := charset.Lookup(label)
	switch {
	case e == nil || name == "replacement":
		return content{body: raw, unread: reason.New("body_charset_unknown", "charset", shorten(label, 40))}
	case name == "gbk":
		e = simplifiedchinese.GB18030 // which is the same and more (WHATWG Encoding, 10.1)
	}
	return decodeText(raw, e, label)
}

// declared returns the character set that an answer declares; "" if none. JSON is UTF-8 whatever its
// content type says (RFC 8259, 8.1), and a Latin-1 that no text was made for, as many servers
// announce by default, is no declaration when the text is UTF-8.
func declared(raw []byte, contentType string) string {
	header, own := labelOf(contentType), ownLabelOf(raw)
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	if strings.HasPrefix(string(bytes.TrimLeft(raw[:min(len(raw), 64)], " \r\n\t")), "<?xml") {
		header, own = own, header // as XML parsers do
	}
	label := cmp.Or(header, own)
	switch _, name := charset.Lookup(label); {
	case !utf8.Valid(raw):
	case strings.Contains(media, "json"), name == "windows-1252":
		return ""
	}
	return label
}

// ownLabelOf returns the character set that stands at the beginning of a text, in XML's declaration or
// HTML's meta element, in lower case. One that can be read there byte by byte is not UTF-16, whatever
// it says (WHATWG HTML, 13.2.3.2).
func ownLabelOf(raw []byte) string {
	head := string(bytes.ToLower(raw[:min(len(raw), 1024)]))
	label := ""
	if declaration, _, ok := strings.Cut(strings.TrimSpace(head), "?>"); ok && strings.HasPrefix(declaration, "<?xml") {
		label = valueAfter(declaration, "encoding")
	}
	for label == "" {
		var meta string
		var ok bool
		if _, head, ok = strings.Cut(head, "<meta"); !ok {
			return ""
		}
		meta, _, _ = strings.Cut(head, ">")
		label = valueAfter(meta, "charset")
	}
	if strings.HasPrefix(label, "utf-16") {
		return "utf-8"
	}
	return label
}

// valueAfter returns the value of name=value, with or without quotes; "" if there is none.
func valueAfter(text, name string) string {
	_, rest, ok := strings.Cut(text, name)
	rest, equals := strings.CutPrefix(strings.TrimSpace(rest), "=")
	if !ok || !equals {
		return ""
	}
	rest = strings.TrimLeft(rest, " \t\r\n\"'")
	if end := strings.IndexAny(rest, " \t\r\n\"';/>"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// marked returns the encoding that a byte order mark tells.
func marked(raw []byte) (encoding.Encoding, string, bool) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		return encoding.Nop, "utf-8", true
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "utf-16", true
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "utf-16", true
	}
	return nil, "", false
}

// zeros returns the UTF-16 of a text without a byte order mark, most of whose characters are ASCII, so
// that every other byte is zero; nil if it is not.
func zeros(raw []byte) encoding.Encoding {
	var n [2]int
	for i, b := range raw[:min(len(raw), 4<<10)] {
		if b == 0 {
			n[i%2]++
		}
	}
	half := min(len(raw), 4<<10) / 2
	switch {
	case n[1]*3 > half && n[0]*20 < half:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case n[0]*3 > half && n[1]*20 < half:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// decodeText decodes text in an encoding. If more than a tenth of what is not ASCII cannot be decoded,
// it is not in that encoding.
func decodeText(raw []byte, e encoding.Encoding, label string) content {
	out, bad, other := raw, 0, 0
	if label != "utf-8" && e != encoding.Nop {
		var err error
		if out, err = e.NewDecoder().Bytes(raw); err != nil {
			out, bad = raw, len(raw)
		}
	}
	for rest := out; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if rest = rest[size:]; r < utf8.RuneSelf {
			continue
		}
		other++
		if r == utf8.RuneError {
			bad++
		}
	}
	c := content{body: withoutMarks(out)}
	if bad*10 > other {
		c.unread, c.ascii = reason.New("body_charset_broken", "charset", label), !strings.HasPrefix(label, "utf-16")
	}
	return c
}

// withoutMarks removes byte order marks: at the beginning of a text, and inside where files with marks
// were put together. Nobody sees them.
func withoutMarks(text []byte) []byte {
	if mark := []byte("\ufeff"); bytes.Contains(text, mark) {
		return bytes.ReplaceAll(text, mark, nil)
	}
	return text
}

func isASCII[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// candidate is a character set that a text may be in that declares none.
type candidate struct {
	encoding.Encoding
	// common reports whether the pair of bytes is one of the frequent characters of the language.
	common func(lead, trail byte) bool
}

func candidates() []candidate {
	within := func(lead byte, from, to byte) bool { return from <= lead && lead <= to }
	return []candidate{
		{simplifiedchinese.GB18030, func(l, t byte) bool { return t >= 0xa1 && (within(l, 0xb0, 0xd7) || within(l, 0xa1, 0xa3)) }},
		{traditionalchinese.Big5, func(l, _ byte) bool { return within(l, 0xa4, 0xc6) || l == 0xa1 }},
		{japanese.ShiftJIS, func(l, _ byte) bool { return within(l, 0x81, 0x83) || within(l, 0x88, 0x97) }},
		{japanese.EUCJP, func(l, _ byte) bool { return l == 0xa1 || l == 0xa4 || l == 0xa5 || within(l, 0xb0, 0xcf) }},
		{korean.EUCKR, func(l, t byte) bool { return t >= 0xa1 && (within(l, 0xb0, 0xc8) || l == 0xa1) }},
	}
}

// guess reads text that is not UTF-8 and declares no character set. It is taken for sure only if one
// of the East Asian sets fits and its frequent characters are clearly more than those of the others.
// We do not use a library: the known one starts goroutines, whose panics would end the process.
func guess(raw []byte) content {
	type scored struct {
		encoding.Encoding
		share float64
	}
	var fits []scored
	for _, c := range candidates() {
		if share, ok := c.share(raw); ok {
			fits = append(fits, scored{c.Encoding, share})
		}
	}
	slices.SortStableFunc(fits, func(a, b scored) int { return cmp.Compare(b.share, a.share) })
	if len(fits) == 0 {
		fits = []scored{{Encoding: charmap.Windows1252}}
	}
	out := decodeText(raw, fits[0], "")
	if fits[0].share < 0.8 || len(fits) > 1 && fits[1].share > fits[0].share-0.1 || !out.unread.IsZero() {
		out.unread, out.ascii = reason.New("body_charset_untold"), true
	}
	return out
}

// share returns how many of the characters that are not ASCII are frequent ones, of 1, and whether
// the text is in this character set at all.
func (c candidate) share(raw []byte) (float64, bool) {
	out, err := c.NewDecoder().Bytes(raw)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return 0, false
	}
	all, common := 0, 0
	for i := 0; i < len(raw); i++ {
		if raw[i] < utf8.RuneSelf {
			continue
		}
		all++
		if i+1 < len(raw) && raw[i+1] >= 0x30 {
			if c.common(raw[i], raw[i+1]) {
				common++
			}
			i++
		}
	}
	return float64(common) / float64(max(all, 1)), true
}
