package chat_test

import (
	"bufio"
	"context"
	"flag"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"guardian/test/fake/chat"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/feishu"
	"guardian/test/fake/chat/slack"
	"guardian/test/fake/chat/wecom"
)

// program runs a fake as go run ./test/fake/… does, and gives its address and output.
func program[M any](t *testing.T, p chat.Program[M], args ...string) (url string, lines <-chan string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- p.Run(ctx, args, w)
		_ = w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	out := make(chan string, 1000)
	go func() {
		defer close(out)
		for s := bufio.NewScanner(r); s.Scan(); {
			out <- s.Text()
		}
	}()
	return regexp.MustCompile(`http://\S+`).FindString(<-out), out
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status + " " + string(b)
}

func see(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case line, open := <-lines:
			if strings.Contains(line, want) {
				return
			}
			if !open {
				t.Fatalf("the output has no %q", want)
			}
		case <-timeout:
			t.Fatalf("the output has no %q", want)
		}
	}
}

// Each fake runs by itself, prints each call with its answer, enforces its rules, and can be made to
// fail.
func TestFakesRunByThemselves(t *testing.T) {
	for name, c := range map[string]struct {
		run                      func(t *testing.T) (string, <-chan string)
		good, accepted, bad, not string
	}{
		"dingtalk": {
			func(t *testing.T) (string, <-chan string) {
				t.Helper()
				return program(t, dingtalk.Program(), "-keyword", "告警")
			},
			`{"msgtype":"text","text":{"content":"告警 hello"}}`, `"errcode":0`, `{"msgtype":"text","text":{"content":"hello"}}`, "keywords not in content",
		},
		"wecom": {
			func(t *testing.T) (string, <-chan string) { t.Helper(); return program(t, wecom.Program()) },
			`{"msgtype":"text","text":{"content":"告警 hello"}}`, `"errcode":0`, `{"msgtype":"text","text":{"content":"` + strings.Repeat("x", 2049) + `"}}`, "40058",
		},
		"feishu": {
			func(t *testing.T) (string, <-chan string) {
				t.Helper()
				return program(t, feishu.Program(), "-keyword", "告警")
			},
			`{"msg_type":"text","content":{"text":"告警 hello"}}`, `"code":0`, `{"msg_type":"text","content":{"text":"hello"}}`, "Key Words Not Found",
		},
		"slack": {
			func(t *testing.T) (string, <-chan string) { t.Helper(); return program(t, slack.Program()) },
			`{"text":"告警 hello"}`, "200 OK ok", `{"text":""}`, "no_text",
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, lines := c.run(t)
			if got := post(t, url, c.good); !strings.Contains(got, c.accepted) {
				t.Errorf("got %s, want %s", got, c.accepted)
			}
			see(t, lines, "告警 hello")
			if got := post(t, url, c.bad); !strings.Contains(got, c.not) {
				t.Errorf("got %s, want %s", got, c.not)
			}
			see(t, lines, c.not)
			base := regexp.MustCompile(`http://[^/]+`).FindString(url)
			post(t, base+"/fake/fail?fault=unavailable&n=1", "")
			if got := post(t, url, c.good); !strings.HasPrefix(got, "503") {
				t.Errorf("got %s, want the 503 that was asked for", got)
			}
			r, err := http.Get(base + "/fake/messages")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Body.Close() }()
			if b, _ := io.ReadAll(r.Body); strings.Count(string(b), `"Body"`) != 1 {
				t.Errorf("messages %s, want the one that was accepted", b)
			}
		})
	}
}

func TestAFakeRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"file"}} {
		p := wecom.Program()
		flags := p.Flags
		p.Flags = func(f *flag.FlagSet) func(string) chat.Running[wecom.Message] {
			f.SetOutput(io.Discard)
			return flags(f)
		}
		if err := p.Run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
