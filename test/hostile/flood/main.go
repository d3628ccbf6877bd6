// Command flood is the hostile writer of test/hostile: it writes series without end by Prometheus remote write.
// All requests are made before it begins, so that it takes little of the processors that it shares with the
// guardian. It writes from when a line comes on its standard input until that ends, and then prints how it was
// answered.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"guardian/test/hostile/answers"
)

func main() {
	url := flag.String("url", "", "the guardian's address")
	series := flag.Int("series", 0, "how many different series are written once, before others without end")
	connections := flag.Int("connections", 1, "how many")
	flag.Parse()
	w := &writer{url: *url, requests: prepare(*series)}
	w.firsts = len(w.requests) - others
	if err := w.play(os.Stdin, os.Stdout, *connections); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// writer writes by several connections.
type writer struct {
	url      string
	requests [][]byte
	firsts   int // of the requests, that are sent once
	sent     atomic.Int64

	mu      sync.Mutex
	answers answers.Writer
}

const pause = 100 * time.Millisecond // of a connection between requests

// play writes as the lines on in say, and tells on out how far it is.
func (w *writer) play(in io.Reader, out io.Writer, connections int) error {
	if _, err := fmt.Fprintln(out, answers.Ready); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return lines.Err()
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range connections {
		all.Go(func() { w.connection(ctx, out) })
	}
	for lines.Scan() {
	}
	stop()
	all.Wait()
	return json.NewEncoder(out).Encode(w.answers)
}

// connection writes until ctx ends.
func (w *writer) connection(ctx context.Context, out io.Writer) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		n := int(w.sent.Add(1)) - 1
		if n == w.firsts {
			_, _ = fmt.Fprintln(out, answers.Written)
		}
		if n >= w.firsts {
			n = w.firsts + (n-w.firsts)%others
		}
		w.post(ctx, client, w.requests[n])
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (w *writer) post(ctx context.Context, client *http.Client, body []byte) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/api/v1/write", bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	status, text := 0, ""
	if resp, err := client.Do(req); err == nil {
		answer, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		status, text = resp.StatusCode, string(answer)
	}
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers.Add(status, text)
}
