package server

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Routes gives every route that needs a role, by its pattern, and those that need none.
func (s *Server) Routes() (roles map[string]Role, open []string) {
	roles = map[string]Role{}
	b := s.options.Backend
	for _, r := range slices.Concat(s.ownRoutes(b), s.promRoutes(b), s.amRoutes(b), s.pageRoutes(b)) {
		roles[r.pattern] = r.need
	}
	for _, r := range s.openRoutes(b) {
		open = append(open, r.pattern)
	}
	return roles, open
}

// PromRoutes gives the routes of Prometheus' API.
func (s *Server) PromRoutes() []string {
	var all []string
	for _, r := range s.promRoutes(s.options.Backend) {
		all = append(all, r.pattern)
	}
	return all
}

// Route gives the pattern of the route that a request takes; "/": none.
func (s *Server) Route(method, path string) string {
	r, err := http.NewRequest(method, "http://localhost"+path, nil)
	if err != nil {
		return "/"
	}
	_, pattern := s.mux.Handler(r)
	return pattern
}

// Texts gives the table of each language to the tests.
func Texts() map[string]map[string]string {
	return map[string]map[string]string{"en": english(), "zh": chinese()}
}

// Say says one thing in a language, as the pages do.
func Say(lang string, now time.Time, thing any) string {
	w := locale{lang: lang, texts: Texts()[lang], loc: time.UTC, now: func() time.Time { return now }}
	switch v := thing.(type) {
	case time.Duration:
		return w.Length(v)
	case time.Time:
		return w.relative(v)
	case float64:
		return w.Percent(v)
	default:
		return fmt.Sprint(v)
	}
}

// Forms gives the routes that take forms of our pages.
func (s *Server) Forms() (all []string) {
	b := s.options.Backend
	for _, r := range slices.Concat(s.ownRoutes(b), s.promRoutes(b), s.amRoutes(b), s.pageRoutes(b)) {
		if r.style == form {
			all = append(all, r.pattern)
		}
	}
	return all
}

// Params gives the query parameters of each route of the guardian's own API, and the routes that leave them
// to the protocol of others.
func (s *Server) Params() (own map[string][]string, others []string) {
	own = map[string][]string{}
	b := s.options.Backend
	for _, r := range slices.Concat(s.ownRoutes(b), s.promRoutes(b), s.amRoutes(b), s.pageRoutes(b)) {
		switch {
		case slices.Contains(r.takes, anything):
			others = append(others, r.pattern)
		case r.style == reads || r.style == writes || r.style == local:
			own[r.pattern] = r.takes
		}
	}
	return own, others
}
