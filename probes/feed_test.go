package probes_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// today is the day of the tests' feeds.
func today() time.Time { return time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC) }

const ebayFeed = `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:e="urn:ebay"><channel><title>API deprecations</title><link>https://developer.ebay.com</link>
<lastBuildDate>Tue, 05 May 2026 08:00:00 GMT</lastBuildDate>
<item><title>Trading API calls</title><link>https://developer.ebay.com/1</link><guid>one</guid><pubDate>Sat, 09 May 2026 12:00:00 GMT</pubDate>
 <api>Trading API</api><methods><method>GetOrders</method><method>GetItem</method></methods>
 <deprecationDate>2025/11/06</deprecationDate><decommissionDate>2026/06/09</decommissionDate><notes>Use the Fulfillment API.</notes></item>
<item><title>Browse API filter</title><link>https://developer.ebay.com/2</link><guid>two</guid><pubDate>Fri, 01 May 2026 12:00:00 GMT</pubDate>
 <api>Browse API</api><decommissionDate>2026/05/20</decommissionDate></item>
<item><title>Shopping API gone</title><guid>three</guid><pubDate>Mon, 01 Jan 2024 00:00:00 GMT</pubDate>
 <api>Shopping API</api><decommissionDate>2025/01/01</decommissionDate></item>
</channel></rss>`

const proseFeed = `<rss version="2.0"><channel><item><title>Orders v0</title><pubDate>Sat, 09 May 2026 12:00:00 PDT</pubDate>
<description>&lt;p&gt;Since 2026-05-01 there is v2026-01-01 of /orders/2026-12-31/orders. getOrders is deprecated as of June 1st, 2026, and
will be removed on &lt;strong&gt;July 1, 2026&lt;/strong&gt;. searchOrders came on June 3, 2026.&lt;/p&gt;</description></item></channel></rss>`

const atomFeed = `<feed xmlns="http://www.w3.org/2005/Atom"><title>Changes</title>
<entry><id>urn:1</id><title>Orders v0 will be removed</title><link rel="alternate" href="https://example.com/1"/><published>2026-05-09T00:00:00Z</published><updated>2026-05-10T00:00:00Z</updated><category term="deprecation"/><summary>Migrate.</summary></entry>
<entry><id>urn:2</id><title>Reorders are faster</title><link href="https://example.com/2"/><updated>2026-05-10T00:00:00Z</updated></entry></feed>`

const jsonFeed = `{"version":"https://jsonfeed.org/version/1.1","items":[
{"id":"1","url":"https://example.com/1","title":"Listing API","content_text":"Listing API is deprecated","date_published":"2026-05-10T00:00:00Z","decommissionDate":"2026-07-09"},
{"id":2,"title":"Hello"}]}`

const chineseFeed = "<?xml version=\"1.0\" encoding=\"GBK\"?><rss><channel><item><title>\xb6\xa9\xb5\xa5\xbd\xd3\xbf\xda\xcf\xc2\xcf\xdf</title><pubDate>Sun, 10 May 2026 08:00:00 +0800</pubDate></item></channel></rss>"

func TestFeed(t *testing.T) {
	for name, tc := range map[string]struct {
		body   string
		status int
		set    func(*probes.FeedSettings)
		health sample.Health
		reason string
		values map[string]float64
		absent string // a label's value that must not come
	}{
		"eBay's dates count down": {body: ebayFeed, health: sample.Up, values: map[string]float64{
			"feed_entries": 3, "feed_new_entries": 1,
			"feed_deprecation_days_left|api=Trading API|event=decommission|method=GetOrders":             29.5,
			"feed_deprecation_days_left|api=Trading API|event=decommission|method=GetItem":               29.5,
			"feed_deprecation_days_left|api=Browse API|event=decommission":                               9.5,
			"feed_new_entry_timestamp_seconds|link=https://developer.ebay.com/1|title=Trading API calls": float64(time.Date(2026, 5, 9, 12, 0, 0, 0, time.UTC).Unix()),
		}, absent: "Shopping API"},
		"only what is in use matters": {body: ebayFeed, set: func(s *probes.FeedSettings) { s.APIs = []string{"getorders"} }, health: sample.Up, values: map[string]float64{"feed_new_entries": 1}, absent: "Browse API"},
		"and only what holds a word":  {body: ebayFeed, set: func(s *probes.FeedSettings) { s.Words = []string{"Filter"} }, health: sample.Up, values: map[string]float64{"feed_new_entries": 0}, absent: "Trading API"},
		"what goes soon is down": {body: ebayFeed, set: func(s *probes.FeedSettings) {
			s.APIs, s.MinRemaining = []string{"Trading API"}, model.Duration(60*24*time.Hour)
		}, health: sample.Down, reason: "Trading API GetItem is decommissioned in 30 days, at least 60 d wanted: Trading API calls"},
		"what is not in use may go": {body: ebayFeed, set: func(s *probes.FeedSettings) {
			s.APIs, s.MinRemaining = []string{"Sell API"}, model.Duration(60*24*time.Hour)
		}, health: sample.Up},
		"what goes late is up":       {body: ebayFeed, set: func(s *probes.FeedSettings) { s.MinRemaining = model.Duration(24 * time.Hour) }, health: sample.Up},
		"Atom":                       {body: atomFeed, set: func(s *probes.FeedSettings) { s.APIs = []string{"orders"} }, health: sample.Up, values: map[string]float64{"feed_entries": 2, "feed_new_entries": 1, "feed_new_entry_timestamp_seconds|link=https://example.com/1|title=Orders v0 will be removed": float64(time.Date(2026, 5, 9, 0, 0, 0, 0, time.UTC).Unix())}},
		"words in Atom's categories": {body: atomFeed, set: func(s *probes.FeedSettings) { s.Words = []string{"deprecat"} }, health: sample.Up, values: map[string]float64{"feed_new_entries": 1}},
		"JSON Feed":                  {body: jsonFeed, set: func(s *probes.FeedSettings) { s.APIs = []string{"Listing API"} }, health: sample.Up, values: map[string]float64{"feed_entries": 2, "feed_new_entries": 1, "feed_deprecation_days_left|api=Listing API|event=decommission": 59.5}},
		"a date in words counts down": {body: proseFeed, set: func(s *probes.FeedSettings) { s.APIs = []string{"getOrders"} }, health: sample.Up, values: map[string]float64{
			"feed_deprecation_days_left|api=getOrders|event=deprecation":  21.5,
			"feed_deprecation_days_left|api=getOrders|event=decommission": 51.5,
		}},
		"a date in words that is soon is down": {body: proseFeed, set: func(s *probes.FeedSettings) {
			s.APIs, s.MinRemaining = []string{"getOrders"}, model.Duration(90*24*time.Hour)
		}, health: sample.Down, reason: "getOrders is decommissioned in 52 days, at least 90 d wanted: Orders v0"},
		"a feed that is not in UTF-8":           {body: chineseFeed, set: func(s *probes.FeedSettings) { s.Words = []string{"订单"} }, health: sample.Up, values: map[string]float64{"feed_new_entries": 1}},
		"a feed without entries":                {body: `<rss><channel/></rss>`, health: sample.Up, values: map[string]float64{"feed_entries": 0, "feed_new_entries": 0}},
		"a page is no feed and unknown":         {body: `<!doctype html><html><body><br>Sorry</body></html>`, health: sample.Unknown, reason: "neither RSS nor Atom nor JSON Feed"},
		"JSON of another kind is unknown":       {body: `{"error":"no"}`, health: sample.Unknown, reason: "neither RSS nor Atom nor JSON Feed"},
		"a feed that breaks off is unknown":     {body: ebayFeed[:500], health: sample.Unknown, reason: "the feed is broken"},
		"an error of the server is unknown":     {body: ebayFeed, status: 500, health: sample.Unknown, reason: "the feed could not be read: status 500"},
		"a server that is not there is unknown": {set: func(s *probes.FeedSettings) { s.URL = "http://" + refusedAddress(t) }, health: sample.Unknown, reason: "the feed could not be read: the connection was refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if tc.status != 0 {
					w.WriteHeader(tc.status)
				}
				_, _ = fmt.Fprint(w, tc.body)
			})
			p := build(t, "feed", probes.Env{Now: today}, func(s *probes.FeedSettings) {
				s.URL = url
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, 10*time.Second)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			for series, want := range tc.values {
				f := strings.Split(series, "|")
				if got := value(t, o, f[0], f[1:]...); got != want {
					t.Errorf("%s is %v, want %v", series, got, want)
				}
			}
			if tc.absent != "" && strings.Contains(fmt.Sprint(o.Values), tc.absent) {
				t.Errorf("%s is told: %v", tc.absent, o.Values)
			}
			onlyPromised(t, "feed", &probes.FeedSettings{}, o)
		})
	}
}

// An entry is new once: not again after a restart, not because it was edited, and without a
// date only when it was seen to come.
func TestFeedTellsAnEntryOnce(t *testing.T) {
	item := func(guid, date string) string {
		if date != "" {
			date = "<pubDate>" + date + "</pubDate>"
		}
		return "<item><guid>" + guid + "</guid><title>" + guid + "</title>" + date + "</item>"
	}
	old, undated := item("old", "Wed, 01 Apr 2026 00:00:00 GMT"), item("undated", "")
	fresh, edited := item("fresh", "Sat, 09 May 2026 00:00:00 GMT"), item("fresh", "Tue, 12 May 2026 00:00:00 GMT")
	var body string
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "<rss><channel>"+body+"</channel></rss>")
	})
	now := today()
	start := func() probes.Probe {
		return build(t, "feed", probes.Env{Now: func() time.Time { return now }}, func(s *probes.FeedSettings) {
			s.URL, s.NewFor = url, model.Duration(48*time.Hour)
		})
	}
	p := start()
	for _, step := range []struct {
		what  string
		body  string
		after time.Duration
		again bool // the guardian was restarted
		want  float64
	}{
		{what: "what is old or has no date is not new at the start", body: old + undated, want: 0},
		{what: "an entry comes", body: fresh + old + undated, want: 1},
		{what: "it is the same after a restart", body: fresh + old + undated, again: true, want: 1},
		{what: "one comes without a date", body: item("undated too", "") + fresh + old + undated, after: time.Hour, want: 2},
		{what: "a restart does not repeat it", body: item("undated too", "") + fresh + old + undated, again: true, want: 1},
		{what: "it is new no longer", body: fresh + old, after: 24 * time.Hour, want: 0},
		{what: "an edit is no news", body: edited + old, after: 24 * time.Hour, want: 0},
	} {
		body, now = step.body, now.Add(step.after)
		if step.again {
			p = start()
		}
		if o := look(t, p, 10*time.Second); o.Health != sample.Up || value(t, o, "feed_new_entries") != step.want {
			t.Errorf("%s: %s %q %v", step.what, o.Health, o.Reason, o.Values)
		}
	}
}

func TestFeedKeepsSecrets(t *testing.T) {
	const token, key = "tok-5ae1c0ffee", "query-99feed11"
	status := http.StatusOK
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<rss><channel><item><title>for %s</title><link>http://a/?key=%s</link><pubDate>Sat, 09 May 2026 00:00:00 GMT</pubDate></item></channel></rss>`,
			r.Header.Get("X-Api-Key"), r.URL.Query().Get("key"))
	})
	p := build(t, "feed", probes.Env{Now: today}, func(s *probes.FeedSettings) {
		s.URL, s.Headers = url+"/?key="+key, map[string]secret.Secret{"X-Api-Key": secret.New(token)}
	})
	for _, status = range []int{http.StatusOK, http.StatusForbidden} {
		o := look(t, p, 10*time.Second)
		wantSilent(t, o, token, key)
		if text := fmt.Sprint(o.Values); strings.Contains(text, token) || strings.Contains(text, key) {
			t.Errorf("a label tells the secret: %s", text)
		}
	}
}

func TestFeedSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["feed"].Settings().(*probes.FeedSettings)
	s.APIs, s.Words, s.NewFor, s.MinRemaining = []string{""}, []string{"a", " "}, 0, -1
	wantMistakes(t, s.Validate(), "url is missing", "apis[0] is empty", "words[1] is empty", "new_for must be over 0", "min_remaining")
}

func FuzzFeed(f *testing.F) {
	for _, s := range []string{ebayFeed, atomFeed, jsonFeed, chineseFeed, "<rss><item>", "{", `{"items":[{"id":{}}]}`, "<feed><entry><entry/></entry></feed>", "<rdf><item><date>x</date></item></rdf>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		titles, err := probes.ParseFeed(body)
		if len(titles) > 2000 || err != nil && (len(err.Error()) > 300 || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%d entries, %v", len(titles), err)
		}
		for _, title := range titles {
			if len(title) > 300 || strings.ContainsAny(title, "\n\r") {
				t.Errorf("title %q", title)
			}
		}
	})
}

func TestDatesInWords(t *testing.T) {
	published := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"getOrders will be removed on March 27, 2027.":                           "- 2027-03-27",
		"getOrders will be removed on the 27th of March 2027":                    "- 2027-03-27",
		"Removal date: 2027/3/27. Deprecation date: 2026-11-01.":                 "2026-11-01 2027-03-27",
		"Sunset 2027-03-27T00:00:00Z":                                            "- 2027-03-27",
		"After Jan. 5, 2027 calls will fail.":                                    "- 2027-01-05",
		"On 5 Jan 2027, v1 is shut down":                                         "- 2027-01-05",
		"As of 2026-06-01 v1 is deprecated and will be removed later":            "2026-06-01 -",
		"We will remove the deprecated call on 2026-06-01":                       "- 2026-06-01",
		"Please migrate to v2 by 2027-03-27":                                     "- 2027-03-27",
		"It retires in March 2027":                                               "- 2027-03-01",
		"该接口将于2027年3月27日下线":                                                      "- 2027-03-27",
		"<ul><li>v1: removed</li><li>v2 came 2027-03-27</li></ul>":               "- -",
		"<p>removed on <b>March 27,\n2027</b></p>":                               "- 2027-03-27",
		"v1 was removed. The webinar is on 2027-03-27":                           "- -",
		"We removed a field on 2026-04-01":                                       "- -",
		"v1 will be removed on 2027-02-30":                                       "- -",
		"v1 goes; v1 will be removed on 2027-09-01. v0 is removed on 2027-06-01": "- 2027-06-01",
	} {
		deprecated, decommissioned := probes.ProseDates(text, published)
		day := func(at time.Time) string {
			if at.IsZero() {
				return "-"
			}
			return at.Format(time.DateOnly)
		}
		if got := day(deprecated) + " " + day(decommissioned); got != want {
			t.Errorf("%q: deprecated and decommissioned %s, want %s", text, got, want)
		}
	}
}

func TestFeedReadsTheDatesThatFeedsHold(t *testing.T) {
	want := today().Add(-2 * time.Hour)
	for _, text := range []string{
		"Sun, 10 May 2026 10:00:00 GMT", "Sun, 10 May 2026 10:00:00 Z", "Sun, 10 May 2026 02:00:00 PST", "Sun, 10 May 2026 06:00:00 EDT", "10 May 26 10:00 UT", "10 May 2026 18:00 +0800",
		"Sunday, 10-May-26 10:00:00 GMT", "Sun May 10 10:00:00 2026", "2026-05-10T10:00:00.000Z", "2026-05-10T18:00:00+0800", "2026-05-10 10:00:00 UTC", "2026-05-10 18:00:00 +0800", "2026-05-10 10:00:00",
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, "<rss><channel><item><title>a</title><pubDate>%s</pubDate></item></channel></rss>", text)
		})
		o := look(t, build(t, "feed", probes.Env{Now: today}, func(s *probes.FeedSettings) { s.URL = url }), 10*time.Second)
		if value(t, o, "feed_new_entries") != 1 || value(t, o, "feed_new_entry_timestamp_seconds", "link=", "title=a") != float64(want.Unix()) {
			t.Errorf("%s: %v", text, o.Values)
		}
	}
}
