package probes

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

// feedEntry is one announcement.
type feedEntry struct {
	id, title, link            string
	text                       string // its whole text in lower case, one line for each element
	published                  time.Time
	api                        string
	methods                    []string
	deprecated, decommissioned time.Time
}

// The errors of parseFeed.
func notAFeed() error { return &reasonError{reason.New("feed_not_feed")} }

func brokenFeed(err error) error {
	return &reasonError{reason.New("feed_broken", "error", oneLine(err.Error(), 200))}
}

// parseFeed reads RSS 0.9 to 2.0 (item), Atom (entry) and JSON Feed 1.1 (items), at most
// maxFeedEntries entries, from a text in UTF-8, whatever its declaration says it was in. Elements
// count by their local names, in any namespace.
func parseFeed(body []byte) ([]feedEntry, error) {
	trimmed := bytes.TrimSpace(body)
	if bytes.HasPrefix(trimmed, []byte("{")) {
		return parseJSONFeed(trimmed)
	}
	d := xml.NewDecoder(bytes.NewReader(trimmed))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	d.Strict, d.Entity = false, xml.HTMLEntity
	var entries []feedEntry
	isFeed := false
	for len(entries) < maxFeedEntries {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if isFeed {
				return nil, brokenFeed(err)
			}
			return nil, notAFeed()
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch strings.ToLower(start.Name.Local) {
		case "rss", "feed", "rdf":
			isFeed = true
		case "item", "entry":
			if !isFeed {
				return nil, notAFeed()
			}
			var e feedElement
			if err := d.DecodeElement(&e, &start); err != nil {
				return nil, brokenFeed(err)
			}
			entries = append(entries, e.entry())
		}
	}
	if !isFeed {
		return nil, notAFeed()
	}
	return entries, nil
}

// feedElement is any element of an entry.
type feedElement struct {
	XMLName xml.Name
	Attrs   []xml.Attr    `xml:",any,attr"`
	Text    string        `xml:",chardata"`
	Inner   []feedElement `xml:",any"`
}

// all gives the texts of the elements of a local name, at any depth, in any case.
func (e *feedElement) all(name string) []string {
	var found []string
	e.gather(name, &found)
	return found
}

func (e *feedElement) gather(name string, to *[]string) {
	for i := range e.Inner {
		inner := &e.Inner[i]
		if strings.EqualFold(inner.XMLName.Local, name) {
			if text := strings.TrimSpace(inner.Text); text != "" {
				*to = append(*to, text)
			}
		}
		inner.gather(name, to)
	}
}

func (e *feedElement) first(names ...string) string {
	for _, name := range names {
		if found := e.all(name); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// onALine returns text as a new line.
func onALine(text string) string { return "\n" + strings.Join(strings.Fields(text), " ") }

// words writes all text of an element, and the attributes with Atom's categories.
func (e *feedElement) words(to *strings.Builder) {
	to.WriteString(onALine(e.Text))
	for _, a := range e.Attrs {
		if a.Name.Local == "term" || a.Name.Local == "label" {
			to.WriteString(onALine(a.Value))
		}
	}
	for i := range e.Inner {
		e.Inner[i].words(to)
	}
}

func (e *feedElement) entry() feedEntry {
	var text strings.Builder
	e.words(&text)
	link := e.first("link")
	for _, inner := range e.Inner {
		if inner.XMLName.Local != "link" || link != "" {
			continue
		}
		for _, a := range inner.Attrs { // Atom
			if a.Name.Local == "href" {
				link = a.Value
			}
		}
	}
	out := feedEntry{
		title: oneLine(e.first("title"), 300), link: link, text: strings.ToLower(text.String()),
		published: feedTime(e.first("pubDate", "published", "issued", "date", "updated")),
		api:       e.first("api"), methods: e.all("method"),
		deprecated:     feedTime(e.first("deprecationDate")),
		decommissioned: feedTime(e.first("decommissionDate")),
	}
	slices.Sort(out.methods)
	out.methods = slices.Compact(out.methods)
	out.id = cmp.Or(e.first("guid", "id"), link, out.title+" "+e.first("pubDate", "published"))
	return out.withProseDates()
}

// withProseDates sets dates from the entry's text if it has none of its own.
func (e feedEntry) withProseDates() feedEntry {
	if e.deprecated.IsZero() && e.decommissioned.IsZero() {
		e.deprecated, e.decommissioned = proseDates(e.text, e.published)
	}
	return e
}

// jsonFeed holds the fields that are read of https://www.jsonfeed.org/version/1.1/, and eBay's dates
// as keys of an item.
type jsonFeed struct {
	Version string          `json:"version"`
	Items   *[]jsonFeedItem `json:"items"`
}

type jsonFeedItem struct {
	ID               any      `json:"id"` // a text; older feeds have numbers
	URL              string   `json:"url"`
	Title            string   `json:"title"`
	Summary          string   `json:"summary"`
	Text             string   `json:"content_text"`
	HTML             string   `json:"content_html"`
	Published        string   `json:"date_published"`
	Modified         string   `json:"date_modified"`
	Tags             []string `json:"tags"`
	API              string   `json:"api"`
	Methods          []string `json:"methods"`
	DeprecationDate  string   `json:"deprecationDate"`
	DecommissionDate string   `json:"decommissionDate"`
}

func parseJSONFeed(body []byte) ([]feedEntry, error) {
	var feed jsonFeed
	if err := json.Unmarshal(body, &feed); err != nil {
		return nil, brokenFeed(err)
	}
	if feed.Items == nil {
		return nil, notAFeed()
	}
	items := (*feed.Items)[:min(len(*feed.Items), maxFeedEntries)]
	entries := make([]feedEntry, 0, len(items))
	for _, i := range items {
		id := ""
		if i.ID != nil {
			id = fmt.Sprint(i.ID)
		}
		var text strings.Builder
		for _, words := range append([]string{i.Title, i.Summary, i.Text, i.HTML, i.API}, slices.Concat(i.Tags, i.Methods)...) {
			text.WriteString(onALine(words))
		}
		entry := feedEntry{
			id: cmp.Or(id, i.URL, i.Title+" "+i.Published), title: oneLine(cmp.Or(i.Title, i.Summary, i.Text), 300), link: i.URL,
			text: strings.ToLower(text.String()), published: feedTime(cmp.Or(i.Published, i.Modified)),
			api: i.API, methods: i.Methods, deprecated: feedTime(i.DeprecationDate), decommissioned: feedTime(i.DecommissionDate),
		}
		entries = append(entries, entry.withProseDates())
	}
	return entries, nil
}

func cutLast(text string) (begin, last string) {
	i := strings.LastIndexByte(text, ' ')
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i+1:]
}

func zonesOfRFC822() map[string]string {
	return map[string]string{
		"UT": "+0000", "UTC": "+0000", "GMT": "+0000", "Z": "+0000", "EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500",
		"MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
	}
}

// feedTime parses the date formats that feeds use; a day without a time is its beginning in UTC. It
// returns the zero time for anything else.
func feedTime(text string) time.Time {
	text = strings.Join(strings.Fields(text), " ")
	// Go takes these names, which RFC 822 defines, for zones without an offset.
	if begin, zone := cutLast(text); zone != "" {
		if offset, ok := zonesOfRFC822()[zone]; ok {
			text = begin + " " + offset
		}
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05Z07:00", time.RFC850, "Monday, 2-Jan-06 15:04:05 -0700", time.ANSIC,
		"2006年1月2日", time.DateOnly, "2006/01/02", "2006/1/2", time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00",
		time.RFC1123, "Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04 MST", "January 2, 2006", "2 January 2006", "Jan 2, 2006",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	if t, err := mail.ParseDate(text); err == nil { // RFC 5322, which RSS means by RFC 822
		return t.UTC()
	}
	return time.Time{}
}
