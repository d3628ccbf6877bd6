package templates_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/templates"
)

type notice struct {
	Title  string
	Facts  []fact
	Labels map[string]string
	Extra  any
}

type fact struct{ Name, Value string }

func TestNamesInEveryBranch(t *testing.T) {
	root := templates.Fields(map[string]templates.Value{
		"ID": templates.Text(), "SKU": templates.Text(), "Order": templates.Texts("SKU", "Price"),
		"Now": templates.Of(time.Time{}), "Notice": templates.Of(notice{}), "Answer": templates.Any(), "Labels": templates.Keys(map[string]int{"site": 1}),
	})
	for text, want := range map[string]string{
		`no template, {.Skuu}`:                              "",
		`{{.SKU}} {{.ID}}`:                                  "",
		`{{.Skuu}}`:                                         ".Skuu: .SKU",
		`{{.Order.SKUU}}`:                                   ".Order.SKUU: .Order.SKU",
		`{{.Order.SKU.Length}}`:                             ".Order.SKU.Length:",
		`{{.Now.Format "2006"}}`:                            "",
		`{{.Now.Unix}}`:                                     "",
		`{{.Now.Fromat "2006"}}`:                            ".Now.Fromat: .Now.Format",
		`{{.Answer.data.id}}`:                               "",
		`{{.Labels.site}}`:                                  "",
		`{{.Labels.shop}}`:                                  ".Labels.shop: .Labels.site",
		`{{index .Labels "site"}}`:                          "",
		`{{index .Labels "shop"}}`:                          "",
		`{{if .ID}}{{.SKU}}{{else}}{{.Nope}}{{end}}`:        ".Nope",
		`{{if .Nope}}x{{end}}`:                              ".Nope",
		`{{with .Order}}{{.SKU}} {{.ID}} {{$.ID}}{{end}}`:   ".ID: .Price .SKU",
		`{{range .Notice.Facts}}{{.Name}}={{.Valu}}{{end}}`: ".Valu: .Value",
		`{{range $i, $f := .Notice.Facts}}{{$f.Name}}{{$f.Nmae}}{{$i}}{{end}}`: "$f.Nmae: $f.Name",
		`{{.Notice.Titel}}`:                                             ".Notice.Titel: .Notice.Title",
		`{{.Notice.Labels.anything}}`:                                   "",
		`{{.Notice.Extra.anything.at_all}}`:                             "",
		`{{$x := .Order}}{{$x.SKU}}{{$x.Sku}}`:                          "$x.Sku: $x.SKU",
		`{{printf "%s" .Nope | lower}}`:                                 ".Nope",
		`{{(index .Notice.Facts 0).Wrong}}`:                             "",
		`{{define "a"}}{{.SKU}}{{.Nope}}{{end}}{{template "a" .}}`:      ".Nope",
		`{{define "a"}}{{.Price}}{{.ID}}{{end}}{{template "a" .Order}}`: ".ID: .Price .SKU",
		`{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`:     "",
		`{{.Nope}}{{.Nope}}{{.Other}}`:                                  ".Nope",
		`{{`:                                                            "",
		`{{unheard_of .ID}}`:                                            "",
	} {
		err := templates.Check(text, root)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		var one *templates.UnknownNameError
		if !errors.As(err, &one) {
			t.Errorf("%s: %v, want %s", text, err, want)
			continue
		}
		got := one.Name + ": " + one.Meant
		if one.Meant == "" {
			got += strings.Join(one.Known, " ")
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestEveryNameIsToldOnce(t *testing.T) {
	err := templates.Check(`{{.A}} {{.B}} {{.A}}`, templates.Texts("ID"))
	if diff := cmp.Diff("{{.A}}: there is no \"A\" here: known is .ID\n{{.B}}: there is no \"B\" here: known is .ID", err.Error()); diff != "" {
		t.Error(diff)
	}
}
