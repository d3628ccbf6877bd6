package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

type loginView struct {
	Next  string
	Wrong bool
	Free  bool
	// Moment: the page reloads itself, see askLogin.
	Moment bool
}

// askLogin sends a reader to the login. A link followed from another site (a chat in the
// browser) brings no SameSite=Strict cookie: such a reader may well be logged in, so the page
// is loaded once more, this time from here.
func (s *Server) askLogin(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		w.Header().Set("Refresh", "0")
		s.mustRender(w, r, http.StatusOK, loginView{Moment: true})
		return
	}
	next := "/"
	if r.Method == http.MethodGet {
		next = r.URL.RequestURI()
	}
	http.Redirect(w, r, "/login?next="+url.QueryEscape(next), http.StatusSeeOther)
}

func (s *Server) mustRender(w http.ResponseWriter, r *http.Request, status int, v loginView) {
	title := s.pages.language(r).T("login.title")
	if err := s.render(w, r, status, "login", title, 0, Caller{}, v); err != nil {
		s.refuse(w, r, reads, err)
	}
}

func (s *Server) loginPage(tokens Tokens) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secured, err := tokens.Secured(r.Context())
		if err != nil {
			s.refusePage(w, r, err)
			return
		}
		s.mustRender(w, r, http.StatusOK, loginView{Next: localPath(r.URL.Query().Get("next")), Free: !secured})
	}
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := s.access.sameOrigin(r); err != nil {
		s.refusePage(w, r, err)
		return
	}
	next := localPath(r.PostFormValue("next"))
	cookie, err := s.access.open(r, r.PostFormValue("token"))
	switch {
	case errors.Is(err, ErrUnauthenticated):
		s.mustRender(w, r, http.StatusUnauthorized, loginView{Next: next, Wrong: true})
	case err != nil:
		s.refusePage(w, r, err)
	default:
		http.SetCookie(w, cookie)
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	err := s.access.sameOrigin(r)
	if err == nil {
		err = s.access.checkForm(r)
	}
	if err != nil {
		s.refusePage(w, r, err)
		return
	}
	http.SetCookie(w, s.access.cookie(r, "", -1))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath keeps a redirect on this server.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
