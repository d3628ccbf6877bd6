package test

import (
	"bytes"
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	mostLines    = 500 // of a file
	mostOfAFunc  = 80  // lines
	mostOfStruct = 15  // fields, in the centre
)

// large are the files that are larger, with the reason.
func large() map[string]string {
	return map[string]string{}
}

// tables are the functions that are long because they are a table, not because they do much.
func tables() map[string]string {
	const words, answers, cases = "words in one language", "what a marketplace answers to each request", "cases of alerts"
	return map[string]string{
		"internal/announce.english":     words,
		"internal/announce.chinese":     words,
		"internal/server.english":       words,
		"internal/server.chinese":       words,
		"internal/server.routes":        "the routes of the API and the pages",
		"probes/marketplace.shopee":     answers,
		"test/compliance.lives":         cases,
		"test/compliance.labelled":      cases,
		"test/compliance.results":       cases,
		"test/compliance.troubles":      cases,
		"test/compliance.others":        cases,
		"test/fake/marketplace.amazon":  answers,
		"test/fake/marketplace.shopify": answers,
		"test/fake/marketplace.ebay":    answers,
		"test/fake/marketplace.walmart": answers,
	}
}

// listsWords tells whether a function lists codes with their words.
func listsWords(path, name string) bool {
	return path == "internal/reason" && strings.HasSuffix(name, "Words")
}

// centre are the packages in which everything meets: there a struct that grows is a room that
// somebody forgot to build. Those that hold the words or the settings of others are none.
func centre(path string) bool {
	switch path {
	case "decide", "internal/app", "internal/api", "internal/alerting", "internal/history", "internal/leadership", "internal/netpath",
		"internal/notify", "internal/present", "internal/quota", "internal/recording", "internal/replay", "internal/roster", "internal/rulesource", "internal/runs", "internal/selfcheck", "internal/watching":
		return true
	default:
		return false
	}
}

func TestNothingGrowsUnnoticed(t *testing.T) {
	tooLong, tables := large(), tables()
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		set, parsed := files(t, p)
		for i, f := range parsed {
			name := filepath.Join(path, p.GoFiles[i])
			content, err := os.ReadFile(filepath.Join(p.Dir, p.GoFiles[i]))
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(content, []byte("\n")); n > mostLines && tooLong[name] == "" {
				t.Errorf("%s has %d lines: split it, or say in large() why it is one thing", name, n)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					lines := set.Position(n.End()).Line - set.Position(n.Pos()).Line + 1
					if lines > mostOfAFunc && tables[path+"."+n.Name.Name] == "" && !listsWords(path, n.Name.Name) {
						t.Errorf("%s: %s has %d lines: split it, or say in tables() what it lists", name, n.Name.Name, lines)
					}
				case *ast.TypeSpec:
					s, ok := n.Type.(*ast.StructType)
					if ok && centre(path) && s.Fields.NumFields() > mostOfStruct {
						t.Errorf("%s: struct %s has %d fields: it is two things", name, n.Name.Name, s.Fields.NumFields())
					}
				}
				return true
			})
		}
	}
	for name := range tooLong {
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			t.Errorf("large() names %s, which is gone", name)
		}
	}
	for name := range tables {
		if !strings.Contains(name, ".") {
			t.Errorf("tables() names %s, which is no function", name)
		}
	}
}
