package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"guardian/internal/server"
)

func listen(t *testing.T, address string) *server.Port {
	t.Helper()
	p, err := server.Listen(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

// Two guardians with one address cannot both start, and the second one says why.
func TestAPortIsBoundOnce(t *testing.T) {
	first := listen(t, "127.0.0.1:0")
	if _, err := server.Listen(t.Context(), first.Addr()); err == nil || !strings.Contains(err.Error(), "is another guardian running on "+first.Addr()) {
		t.Errorf("bound twice: %v", err)
	}
	for range 2 {
		if err := first.Close(t.Context()); err != nil {
			t.Errorf("close what served nothing: %v", err)
		}
	}
	listen(t, first.Addr())
}

// A request under way gets its answer before the port is given back.
func TestAPortAnswersUntilItIsClosed(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	asked, answer := make(chan struct{}), make(chan struct{})
	p.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		_, _ = io.WriteString(w, "well")
	}), nil, slog.New(slog.DiscardHandler))
	got := make(chan string, 1)
	go func() {
		r, err := http.Get("http://" + p.Addr()) // Close ends it
		if err != nil {
			got <- err.Error()
			return
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}()
	<-asked
	closed := make(chan error, 1)
	go func() { closed <- p.Close(context.Background()) }()
	for { // until nobody can connect any more
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Addr())
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(answer)
	if text := <-got; text != "well" {
		t.Errorf("the request under way got %q", text)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestURLsHaveThePortThatWasBound(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	for url, want := range map[string]string{
		"http://127.0.0.1:0/":          "http://" + p.Addr(),
		"https://guardian.example.com": "https://guardian.example.com",
		"https://guardian.example/g/":  "https://guardian.example/g",
	} {
		if got := p.URL(url, "127.0.0.1:0"); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
