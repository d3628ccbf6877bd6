package probes

import (
	"strings"
	"time"
)

// ParsePlugin is for the fuzz test: through a process it would be a thousand times slower.
var ParsePlugin = parsePlugin

// ParseFeed gives the titles of a feed's entries, for the fuzz test.
func ParseFeed(body []byte) ([]string, error) {
	entries, err := parseFeed(body)
	titles := make([]string, len(entries))
	for i, e := range entries {
		titles[i] = e.title
	}
	return titles, err
}

// ReadExposition gives the series of a text, and what keeps it from being read, for the fuzz test.
func ReadExposition(body []byte, contentType string) (series []string, why string) {
	found, f := readExposition(body, contentType)
	for _, s := range found.samples {
		series = append(series, s.Metric.String())
	}
	if f != nil {
		why = f.reason.String()
	}
	return series, why
}

// SaysOf gives what an assertion says of a JSON body and what is extracted of it, for the fuzz test.
func SaysOf(path string, body []byte) (judged, found, why string) {
	least := 0.0
	e, err := (&Expect{JSON: []JSONAssertion{{Path: path, Matches: ".", Min: &least}}}).compile()
	if err != nil {
		return "", "", ""
	}
	if f := e.judgeJSON(content{body: body}, templateData{}); f != nil {
		judged = f.reason.String()
	}
	found, f := Extract{Name: "x", JSON: path}.from(exchange{content: content{body: body}}, nil)
	if f != nil {
		why = f.reason.String()
	}
	return judged, found, why
}

// ProseDates reads the dates of one text.
func ProseDates(text string, published time.Time) (deprecated, decommissioned time.Time) {
	return proseDates(strings.ToLower(onALine(text)), published)
}
