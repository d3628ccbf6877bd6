package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// forwardedHeader marks a write that one guardian passed on to another. It is passed on once.
const forwardedHeader = "Guardian-Forwarded"

// forwardWithin bounds how long the active guardian may take to answer.
const forwardWithin = 30 * time.Second

// forward passes a write on to the active guardian when it is not this one. done means that
// the answer was given.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, by Caller) (done bool, err error) {
	here, address := s.active()
	if here {
		return false, nil
	}
	if r.Header.Get(forwardedHeader) != "" {
		s.metrics.forwarded.WithLabelValues("loop").Inc()
		return false, Refuse(ErrStandby, "this guardian was taken for the active one and is not; try again in a few seconds")
	}
	target, err := url.Parse(address)
	if address == "" || err != nil || target.Host == "" {
		s.metrics.forwarded.WithLabelValues("nobody").Inc()
		return false, ErrStandby
	}
	ctx, cancel := context.WithTimeout(r.Context(), forwardWithin)
	defer cancel()
	result := "answered"
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			if by.Name != loopbackCaller { // who is on this machine came through no proxy
				p.SetXForwarded()
			}
			p.Out.Header.Set(forwardedHeader, "1")
			// Who called was found out here; to the other guardian these name the wrong host.
			p.Out.Header.Del("Origin")
			p.Out.Header.Del("Sec-Fetch-Site")
			// A form was read to check it: send what it said.
			if r.PostForm != nil {
				p.Out.Body, p.Out.ContentLength = formBody(r.PostForm)
			}
		},
		// The other guardian sets the same headers; doubled ones would be.
		ModifyResponse: func(answer *http.Response) error {
			for name := range w.Header() {
				answer.Header.Del(name)
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, cause error) {
			result = "unreachable"
			if !errors.Is(cause, context.Canceled) {
				s.log.WarnContext(r.Context(), "active guardian does not answer", "address", target.Redacted(), "error", s.redactor.Redact(cause.Error()))
			}
		},
	}
	proxy.ServeHTTP(w, r.WithContext(ctx))
	s.metrics.forwarded.WithLabelValues(result).Inc()
	if result != "answered" {
		return false, Refuse(ErrStandby, "this guardian stands by, and the active one does not answer; try again in a few seconds")
	}
	return true, nil
}

// formBody writes a form that was read already.
func formBody(form url.Values) (io.ReadCloser, int64) {
	text := form.Encode()
	return io.NopCloser(strings.NewReader(text)), int64(len(text))
}
