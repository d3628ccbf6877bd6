package decide_test

import (
	"slices"
	"testing"

	"guardian/decide"
	"guardian/oncall"
	"guardian/watch"
)

func TestWhoDeployed(t *testing.T) {
	s := decide.NewSettings(decide.Settings{
		People:    []oncall.Person{{Name: "siti", FullName: "Siti Rahma", Mail: "siti@example.com"}, {Name: "wei", Slack: "U012AB3CD"}},
		Approvers: []string{"li.wei"},
	})
	for author, c := range map[string]struct {
		names   []string
		unknown bool
	}{
		"siti":             {[]string{"siti", "siti", "Siti Rahma", "siti@example.com"}, false},
		"Siti@Example.com": {[]string{"Siti@Example.com", "siti", "Siti Rahma", "siti@example.com"}, false},
		"U012AB3CD":        {[]string{"U012AB3CD", "wei", "U012AB3CD"}, false},
		"Li.Wei":           {[]string{"Li.Wei"}, false},
		"ci":               {[]string{"ci"}, true},
		"":                 {[]string{""}, true},
	} {
		if got := decide.AuthorOf(s, watch.Deploy{Author: author}); !slices.Equal(got.Names, c.names) || got.Unknown != c.unknown {
			t.Errorf("%q: %+v, want %+v", author, got, c)
		}
	}
}
