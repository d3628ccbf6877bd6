package probes

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Most marketplaces write in prose when an API ends: "getOrders will be removed on March 27,
// 2027". This file finds these dates. Texts are in lower case, as those of entries are.
const (
	proseMonth = `(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`
	proseDay   = `(\d{1,2})(?:st|nd|rd|th)?`
)

var (
	// Year, month and day; month, day and year; day, month and year; month and year.
	proseDate = regexp.MustCompile(`\b(20\d\d)[-/.](\d{1,2})[-/.](\d{1,2})|(20\d\d) ?年 ?(\d{1,2}) ?月 ?(\d{1,2}) ?日` +
		`|\b(` + proseMonth + `)\.? ` + proseDay + `,? (20\d\d)\b|\b` + proseDay + ` (?:of )?(` + proseMonth + `)\.?,? (20\d\d)\b` +
		`|\b(` + proseMonth + `)\.?,? (20\d\d)\b`)
	proseEnd  = regexp.MustCompile(`[.!?;](?:\s|$)|[。！？；]`)
	proseGoes = regexp.MustCompile(`\bremov(?:e[sd]?|al|ing)\b|decommission|\bsunset|\bretir(?:e[sd]?|ement|ing)\b|\bshut(?:s|ting)? ?(?:down|off)|\b(?:turn|switch)(?:ed|es|s|ing)? off` +
		`|discontinu|\bend[ -]of[ -]life\b|\beol\b|\bno longer\b|\bstops? working\b|\bwill (?:fail|stop|cease)\b|\b(?:supported|available|works?) until\b` +
		`|\b(?:migrate|move|upgrade|switch)\b.*\b(?:by|before|until)\b|下线|停用|移除|停止|关停|下架|废止`)
	proseDeprecated = regexp.MustCompile(`deprecat|弃用|废弃`)
)

// proseDates returns the earliest dates of a deprecation and of a decommission in a text, judged
// by the words of the same sentence. Dates before the announcement, such as those in names of
// versions, are ignored.
func proseDates(text string, published time.Time) (deprecated, decommissioned time.Time) {
	for line := range strings.SplitSeq(plainProse(text), "\n") {
		spans := proseDate.FindAllStringSubmatchIndex(line, -1)
		from := 0
		for i, span := range spans {
			to := len(line)
			if i+1 < len(spans) {
				to = spans[i+1][0]
			}
			before, after := line[from:span[0]], line[span[1]:to]
			from = span[1]
			if ends := proseEnd.FindAllStringIndex(before, -1); len(ends) > 0 {
				before = before[ends[len(ends)-1][1]:]
			}
			if end := proseEnd.FindStringIndex(after); end != nil {
				after = after[:end[0]]
			}
			at, ok := proseTime(line, span)
			if !ok || !published.IsZero() && !at.After(published) {
				continue
			}
			switch goes, known := saysItGoes(before, after); {
			case !known:
			case goes && (decommissioned.IsZero() || at.Before(decommissioned)):
				decommissioned = at
			case !goes && (deprecated.IsZero() || at.Before(deprecated)):
				deprecated = at
			}
		}
	}
	return deprecated, decommissioned
}

// saysItGoes reports what the words around a date say: that something ends then, or is deprecated
// from then on. The words before the date count first: "removed on".
func saysItGoes(before, after string) (goes, known bool) {
	switch {
	case proseGoes.MatchString(before):
		return true, true
	case proseDeprecated.MatchString(before):
		return false, true
	}
	goesAt, deprecatedAt := proseGoes.FindStringIndex(after), proseDeprecated.FindStringIndex(after)
	switch {
	case goesAt == nil:
		return false, deprecatedAt != nil
	case deprecatedAt == nil:
		return true, true
	}
	return goesAt[0] < deprecatedAt[0], true
}

// proseTime reads a match of proseDate; a month without a day is its first.
func proseTime(line string, span []int) (time.Time, bool) {
	var parts []string
	for i := 2; i < len(span); i += 2 {
		if span[i] >= 0 {
			parts = append(parts, line[span[i]:span[i+1]])
		}
	}
	year, month, day := 0, 0, 1
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		switch {
		case err != nil:
			month = monthOf(part)
		case len(part) == 4:
			year = n
		case i == 1 && year != 0:
			month = n
		default:
			day = n
		}
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	// Go turns a day that does not exist into another one.
	return t, month >= 1 && month <= 12 && t.Day() == day
}

func monthOf(name string) int {
	for m := time.January; m <= time.December; m++ {
		if strings.HasPrefix(name, strings.ToLower(m.String()[:3])) {
			return int(m)
		}
	}
	return 0
}

// plainProse removes the markup of HTML, with a line for each block.
func plainProse(text string) string {
	if !strings.ContainsAny(text, "<&") {
		return text
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			b.WriteString(z.Token().Data)
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "a", "b", "code", "em", "i", "span", "strong", "time", "u":
			default:
				b.WriteByte('\n')
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}
