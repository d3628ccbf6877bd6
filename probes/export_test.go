package probes

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
