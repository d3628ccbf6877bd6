package actions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"guardian/internal/reason"
)

// guardCodes reads the codes of all guards: the constants of the type Code.
func guardCodes(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "guard.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := v.Type.(*ast.Ident); ok && of.Name == "Code" {
			code, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	return codes
}

// TestEveryGuardIsNamedInWords, in both languages: a page has no code in the midst of a sentence.
func TestEveryGuardIsNamedInWords(t *testing.T) {
	codes := guardCodes(t)
	if len(codes) < 14 {
		t.Fatalf("only %d guards were found", len(codes))
	}
	for _, code := range codes {
		for _, why := range []reason.Reason{
			reason.New("guard_says", "code", code, "detail", reason.New("guard_not_reversible")),
			reason.New("run_refused", "guard", code, "why", reason.New("guard_not_reversible")),
		} {
			en, zh := reason.Reader{}.Read(why), reason.Reader{Language: "zh"}.Read(why)
			if strings.Contains(en, "_") && !strings.Contains(code, "_") || strings.Contains(code, "_") && strings.Contains(en, code) {
				t.Errorf("%s: %s", code, en)
			}
			name := strings.NewReplacer("该部署声明为不可逆（reversible: false），需人工决定如何回退", "", "：", "", "（", "", "）", "").Replace(zh)
			if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s is named %q in %q", code, name, zh)
			}
		}
	}
	if got := (reason.Reader{Language: "zh"}).Read(reason.New("guard_says", "code", "of_tomorrow", "detail", "x")); got != "of_tomorrow：x" {
		t.Errorf("a guard of a newer build: %s", got)
	}
}
