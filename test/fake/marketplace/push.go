package marketplace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// SetEndpoint registers the seller's endpoint. Orders that are made in the sandbox, and its test
// notifications, are pushed there.
func (s *Server) SetEndpoint(e Endpoint) { s.set(func() { s.endpoint = e }) }

// Push sends an order to the seller's endpoint and returns the answer's status.
func (s *Server) Push(ctx context.Context, e Endpoint, o Order) (int, error) {
	if s.vendor.push == nil {
		return 0, errors.New("how this marketplace pushes is not published")
	}
	if o.At.IsZero() {
		o.At = s.now()
	}
	h, body := s.vendor.push(o, e, s.keys.Shop)
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	if err := signPush(s.name(), e, h, body, s.now()); err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make the push: %w", err)
	}
	req.Header = h
	answer, err := s.http.Client().Do(req)
	if err != nil {
		return 0, fmt.Errorf("push: %w", err)
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16))
	return answer.StatusCode, err
}

func (s *Server) name() string { return s.vendor.name }

// makeOrder makes an order of the sandbox and pushes it in the background, as the vendor does.
func (s *Server) makeOrder(o Order, out answer) answer {
	s.made++
	o.ID, o.At = s.lastID(), s.now()
	s.orders[o.ID] = o
	if e := s.endpoint; e.URL != "" {
		s.pushing.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, _ = s.Push(ctx, e, o)
		})
	}
	return out
}

// lastID is the ID of the order that was made last.
func (s *Server) lastID() string { return strconv.Itoa(820000000000 + s.made) }
