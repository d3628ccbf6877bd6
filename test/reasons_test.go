package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"guardian/internal/reason"
)

// placeholder finds the values that a text names.
var placeholder = regexp.MustCompile(`\{([a-z0-9_]+)[^}]*\}`)

// made is a reason as the code makes it: reason.New("code", "name", …).
type made struct {
	at    string
	code  string
	names []string // "": a name that is no literal
}

// reasonsMade finds every reason.New with a literal code in the code that is not a test.
func reasonsMade(t *testing.T) []made {
	t.Helper()
	var all []made
	for _, p := range packages(t) {
		if path, _ := ours(p.ImportPath); forTests(path) {
			continue
		}
		set, parsed := files(t, p)
		for _, f := range parsed {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 || !isReasonNew(call.Fun) {
					return true
				}
				m := made{at: set.Position(call.Pos()).String()}
				if m.code, ok = literal(call.Args[0]); !ok {
					return true
				}
				for i := 1; i < len(call.Args); i += 2 {
					name, _ := literal(call.Args[i])
					m.names = append(m.names, name)
				}
				all = append(all, m)
				return true
			})
		}
	}
	return all
}

func isReasonNew(fun ast.Expr) bool {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "New" {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "reason"
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

func namesIn(text string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestEveryReasonHasWordsInBothLanguages(t *testing.T) {
	for _, m := range reasonsMade(t) {
		w, ok := reason.Lookup(m.code)
		if !ok {
			t.Errorf("%s: the code %q has no words; add them in internal/reason", m.at, m.code)
			continue
		}
		for _, name := range namesIn(w.En + w.Zh) {
			if !slices.Contains(m.names, name) && !slices.Contains(m.names, "") {
				t.Errorf("%s: the words of %q name {%s}, which is not given", m.at, m.code, name)
			}
		}
	}
}

func TestWordsOfReasonsAreWhole(t *testing.T) {
	listed := codesListed(t)
	for _, code := range listed {
		w, ok := reason.Lookup(code)
		if !ok || w.En == "" || w.Zh == "" {
			t.Errorf("%s: %+v; a reason has words in English and Chinese", code, w)
			continue
		}
		if !strings.ContainsFunc(w.Zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }) && strings.ContainsFunc(placeholder.ReplaceAllString(w.En, ""), unicode.IsLetter) {
			t.Errorf("%s: %q is no Chinese", code, w.Zh)
		}
		if en, zh := namesIn(w.En), namesIn(w.Zh); !slices.Equal(en, zh) {
			t.Errorf("%s: the English words name %v, the Chinese ones %v", code, en, zh)
		}
	}
}

// codesListed reads the codes out of the lists themselves: the functions named …Words.
func codesListed(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "internal", "reason", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fun, ok := d.(*ast.FuncDecl); ok && strings.HasSuffix(fun.Name.Name, "Words") {
				codes = append(codes, cases(fun)...)
			}
		}
	}
	slices.Sort(codes)
	for i := 1; i < len(codes); i++ {
		if codes[i] == codes[i-1] {
			t.Errorf("%q is listed twice", codes[i])
		}
	}
	return slices.Compact(codes)
}

// cases gives the literals of the cases of a function's switches.
func cases(fun *ast.FuncDecl) []string {
	var all []string
	ast.Inspect(fun, func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, e := range c.List {
				if text, ok := literal(e); ok {
					all = append(all, text)
				}
			}
		}
		return true
	})
	return all
}
