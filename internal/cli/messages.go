package cli

import (
	"cmp"
	"fmt"
	"io"

	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/notifiers"
)

// exampleMessage is what the templates of a receiver make of an example.
type exampleMessage struct {
	Receiver string `json:"receiver"`
	Example  string `json:"example"`
	Text     string `json:"text"`
}

// exampleMessages are the messages of all receivers with templates.
func exampleMessages(configs []*config.Config, redactor *secret.Redactor) []exampleMessage {
	all := []exampleMessage{}
	for _, c := range configs {
		for _, r := range c.Receivers {
			words, err := notifiers.NewTemplate(r.Templates, redactor)
			if err != nil || words == nil {
				continue // a mistake is told as such
			}
			for _, n := range notifiers.Examples(cmp.Or(r.Language, c.Server.Language)) {
				about := n.Kind + " " + n.Event
				if len(n.Merged) > 0 {
					about = "digest"
				}
				if n, err = words.Render(n); err == nil {
					all = append(all, exampleMessage{r.Name, about, notifiers.PlainText(n)})
				}
			}
		}
	}
	return all
}

func printMessages(w io.Writer, all []exampleMessage) {
	for _, m := range all {
		_, _ = fmt.Fprintf(w, "\n--- %s: %s\n%s\n", m.Receiver, m.Example, m.Text)
	}
	if len(all) == 0 {
		_, _ = fmt.Fprintln(w, "no receiver has templates")
	}
}
