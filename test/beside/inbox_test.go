package beside_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// inbox takes the messages of both programs to all receivers: /guardian/team, /alertmanager/team.
type inbox struct {
	url string

	mu       sync.Mutex
	messages map[string][]message // by program and case
}

// message is one call: "team: a firing, b resolved".
type message struct {
	text string
	at   time.Time
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{messages: map[string][]message{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		_, who, _ := strings.Cut(r.URL.Path, "/")
		who, receiver, _ := strings.Cut(who, "/")
		var parts []string
		name := ""
		for i, a := range body.Alerts {
			if i > 0 && a.Labels["case"] != name {
				t.Errorf("%s tells of the cases %q and %q in one message", who, name, a.Labels["case"])
			}
			name = a.Labels["case"]
			parts = append(parts, a.Labels["alert"]+" "+a.Status)
		}
		slices.Sort(parts)
		in.mu.Lock()
		defer in.mu.Unlock()
		key := who + "/" + name
		in.messages[key] = append(in.messages[key], message{receiver + ": " + strings.Join(parts, ", "), time.Now()})
	}))
	t.Cleanup(server.Close)
	in.url = server.URL
	return in
}

// after gives what a program told of a case, without the first n messages.
func (in *inbox) after(who, name string, n int) []message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.messages[who+"/"+name][n:])
}

// sorted gives the texts of messages. Which of two receivers is told first does not matter.
func sorted(messages []message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.text)
	}
	slices.Sort(all)
	return all
}

func say(messages []string) string {
	if len(messages) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%q", messages)
}
