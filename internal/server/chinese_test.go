package server_test

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// english finds three English words in a row, outside of quotes and addresses.
var (
	english = regexp.MustCompile(`[A-Za-z]{2,}[,.;:]? [a-zA-Z]+[,.;:]? [A-Za-z]{2,}`)
	foreign = regexp.MustCompile(`“[^”]*”|https?://\S+`)
)

// texts gives what a person reads of a page: no code, which is the same in every language.
func texts(n *html.Node) []string {
	var all []string
	if n.Type == html.TextNode {
		return []string{n.Data}
	}
	for _, a := range n.Attr {
		switch {
		case a.Key == "lang" && a.Val == "en" && n.Data != "a": // the switch of languages
			all = append(all, "a part that is in English")
		case a.Key == "class" && strings.Contains(a.Val, "mono"):
			return nil
		case a.Key == "title", a.Key == "aria-label", a.Key == "placeholder", a.Key == "data-name":
			all = append(all, a.Val)
		}
	}
	switch n.Data {
	case "script", "style", "pre", "code", "option", "time":
		return all
	}
	for c := range n.ChildNodes() {
		all = append(all, texts(c)...)
	}
	return all
}

func TestChinesePagesHaveNoEnglishSentence(t *testing.T) {
	for _, p := range pageList() {
		s := newServer(t, busy(), nil)
		sep := "?"
		if strings.Contains(p.path, "?") {
			sep = "&"
		}
		doc, err := html.Parse(ask(s, "GET", p.path+sep+"lang=zh", "").Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts(doc) {
			text = strings.Join(strings.Fields(foreign.ReplaceAllString(text, "")), " ")
			if found := english.FindString(text); found != "" {
				t.Errorf("%s: %q in %q", p.name, found, text)
			}
		}
	}
}

func TestChineseErrorPagesQuoteWhatIsEnglish(t *testing.T) {
	body := ask(newServer(t, busy(), nil), "GET", "/services/nobody?lang=zh", "").Body.String()
	if !strings.Contains(body, "“there is no service") || strings.Contains(body, `<p lang="en">`) {
		t.Errorf("the page is\n%s", body)
	}
}
