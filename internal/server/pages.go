package server

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/reason"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// pages renders HTML in two languages.
type pages struct {
	fallback string
	words    map[string]locale
	sets     map[string]map[string]*template.Template // by language and page
	assets   map[string][]byte                        // by name with hash
	names    map[string]string                        // file name -> name with hash
}

func newPages(fallback string, loc *time.Location, now func() time.Time) (*pages, error) {
	if fallback == "" {
		fallback = "en"
	}
	p := &pages{
		fallback: fallback, sets: map[string]map[string]*template.Template{}, assets: map[string][]byte{}, names: map[string]string{},
		words: map[string]locale{
			"en": {lang: "en", texts: english(), loc: loc, now: now},
			"zh": {lang: "zh", texts: chinese(), loc: loc, now: now},
		},
	}
	if _, ok := p.words[fallback]; !ok {
		return nil, fmt.Errorf("server: language %q is not one of en, zh", fallback)
	}
	if err := p.hashAssets(); err != nil {
		return nil, err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for lang, w := range p.words {
		p.sets[lang] = map[string]*template.Template{}
		base, err := template.New("").Funcs(p.funcs(w)).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
		if err != nil {
			return nil, fmt.Errorf("server: parse templates: %w", err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(path.Base(file), ".html")
			if name == "layout" || name == "parts" {
				continue
			}
			set, err := template.Must(base.Clone()).ParseFS(templateFiles, file)
			if err != nil {
				return nil, fmt.Errorf("server: parse template %s: %w", name, err)
			}
			p.sets[lang][name] = set
		}
	}
	return p, nil
}

func (p *pages) hashAssets() error {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		p.assets[name], p.names[e.Name()] = content, name
	}
	return nil
}

func (p *pages) funcs(w locale) template.FuncMap {
	return template.FuncMap{
		"T": w.text, "word": w.Word, "ago": w.Ago, "when": w.When, "dated": w.Dated, "day": w.Day, "length": w.Length, "percent": w.Percent, "mark": w.Mark, "tone": w.Tone,
		"verdict": w.Verdict, "why": w.Why, "note": w.Note, "odds": w.Odds, "latency": w.Latency, "counts": w.Counts, "chart": w.Chart, "strength": w.Strength, "rateRange": w.RateRange, "seconds": w.Seconds, "bar": w.Bar,
		"asset": func(name string) string { return "/assets/" + p.names[name] },
		"join":  func(list []string) string { return strings.Join(list, ", ") },
		"add":   func(a, b int) int { return a + b },
		"sub":   func(a, b float64) float64 { return a - b },
		"share": func(part, whole float64) float64 { return part / max(whole, 1) },
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				m[fmt.Sprint(pairs[i])] = pairs[i+1]
			}
			return m
		},
		"quoted": func(text string) string { return w.reader().Read(reason.Text(text)) },
		"strip":  w.Strip, "period": w.period, "span": w.span, "who": func(who string) string { return chatops.Shown(who, w.lang) },
	}
}

// asset serves a file whose name changes with its content.
func (p *pages) asset(w http.ResponseWriter, r *http.Request) {
	content, ok := p.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, r.PathValue("name"), time.Time{}, bytes.NewReader(content))
}

const langCookie = "guardian_lang"

// language finds out what the reader reads: what they asked for just now or before, what
// their browser says, or the default.
func (p *pages) language(r *http.Request) locale {
	asked := []string{r.URL.Query().Get("lang")}
	if c, err := r.Cookie(langCookie); err == nil {
		asked = append(asked, c.Value)
	}
	for _, lang := range asked {
		if w, ok := p.words[lang]; ok {
			return w
		}
	}
	best, weight := p.fallback, 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, param, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
			q, _ = strconv.ParseFloat(v, 64)
		}
		lang, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if _, ok := p.words[lang]; ok && q > weight {
			best, weight = lang, q
		}
	}
	return p.words[best]
}

// frame is what every page has around its content.
type frame struct {
	Title   string
	Lang    string
	Path    string
	Other   string // the same page in the other language
	Caller  Caller
	Session bool
	CSRF    string
	Status  Status
	Refresh int // seconds; 0: the page does not change by itself
	Done    string
	Now     time.Time
	Zone    string
	B       any
}

// Can tells whether the reader's role includes another.
func (f frame) Can(role string) bool { return f.Caller.Role.Includes(Role(role)) }

// render writes one page; it is rendered whole before the first byte is sent.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name, title string, refresh int, by Caller, content any) error {
	words := s.pages.language(r)
	var st Status
	if by.Name != "" { // who has not logged in is not told how the guardian is
		known, err := s.process.Status(r.Context())
		if err != nil {
			s.log.WarnContext(r.Context(), "status is not known", "error", s.redactor.Redact(err.Error()))
		}
		st = known
	}
	_, noSession := r.Cookie(sessionCookie)
	f := frame{
		Title: title, Lang: words.lang, Path: r.URL.Path, Other: otherLanguage(r.URL, words), Caller: by, Session: noSession == nil,
		CSRF: s.access.formToken(r), Status: reason.Translate(words.reader(), st), Refresh: refresh, Now: s.now(), Zone: words.loc.String(), B: reason.Translate(words.reader(), content),
	}
	if key := "done." + r.URL.Query().Get("done"); words.T(key) != key {
		f.Done = words.T(key)
	}
	var out bytes.Buffer
	if err := s.pages.sets[words.lang][name].ExecuteTemplate(&out, "layout", f); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	if asked := r.URL.Query().Get("lang"); asked == words.lang {
		http.SetCookie(w, &http.Cookie{
			Name: langCookie, Value: asked, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.access.https || r.TLS != nil,
		})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", words.T("lang"))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
	return nil
}

func otherLanguage(u *url.URL, w locale) string {
	q := u.Query()
	q.Del("done")
	q.Set("lang", w.T("lang.other.code"))
	return u.Path + "?" + q.Encode()
}

// refusePage answers an error to a person: with a login where one is missing, else with a
// page that shows what went wrong.
func (s *Server) refusePage(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errLogin) {
		s.askLogin(w, r)
		return
	}
	p, ok := s.fail(r, err)
	if !ok {
		return
	}
	if strings.Contains(r.Header.Get("Accept"), problemType) { // a program that reads pages, such as our own command line
		writeProblem(w, p)
		return
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	words := s.pages.language(r)
	if err := s.render(w, r, p.Status, "error", words.T("error.title"), 0, Caller{}, p); err != nil {
		s.log.ErrorContext(r.Context(), "error page failed", "error", err)
		http.Error(w, p.Detail, p.Status)
	}
}

// back sends the browser to a page after a form, so that a reload does not send it again.
func back(w http.ResponseWriter, r *http.Request, path, done string) {
	http.Redirect(w, r, path+"?done="+url.QueryEscape(done), http.StatusSeeOther)
}
