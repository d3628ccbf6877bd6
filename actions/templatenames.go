package actions

import (
	"bytes"
	"fmt"
	"strings"

	"guardian/internal/versions"
)

// templateName is a value that templates of steps and, in capitals, commands see.
type templateName struct {
	name, meaning string
	of            func(Call) string
}

func templateNames() []templateName {
	return []templateName{
		{"To", "the version that is put back; refused where an operation is undone", func(c Call) string { return c.Run.To }},
		{"From", "the version that is taken back, or the operation that is undone", func(c Call) string { return c.Run.From }},
		{"Kind", "what is rolled back: `code`, `config` or `operation`", func(c Call) string { return c.Run.Kind }},
		{"Service", "the service", func(c Call) string { return c.Run.Service }},
		{"Shop", "the shop that the step is for, in a step with `shops`", func(c Call) string { return c.Step.Shop }},
		{"Environment", "its environment", func(c Call) string { return c.Run.Environment }},
		{"Deploy", "ID of the deploy that is rolled back; empty when there is none", func(c Call) string { return c.Run.Trigger.Deploy }},
		{"Run", "ID of the run", func(c Call) string { return c.Run.ID }},
		{"Intent", "ID of this step of this run, the same for every attempt: the key by which a target recognises it", func(c Call) string { return c.Intent }},
		{"Reason", "why, in English; it may hold quotation marks and line breaks", func(c Call) string { return c.Run.Trigger.Reason.String() }},
	}
}

// templateFunc is a function of templates; fn nil: text/template's own.
type templateFunc struct {
	name, meaning, example string
	fn                     any
}

func templateFuncs() []templateFunc {
	return []templateFunc{
		{"json", "a value as JSON, with its quotation marks", `{{json .Reason}}`, asJSON},
		{"urlquery", "a text escaped for the query of an address or the body of a form", `{{urlquery .Reason}}`, nil},
		{"tag", "a version as the tag of an image: `+` becomes `_`, and what no tag has becomes `-`", `{{tag "1.4.2+build/7"}}`, versions.Tag},
		{"trimPrefix", "a text without what it begins with", `{{trimPrefix "v" .To}}`, trimPrefix},
		{"replace", "a text with every occurrence replaced", `{{replace "." "-" .To}}`, replace},
		{"printf", "Go's formatting", `{{printf "%s-%s" .Service .To}}`, nil},
	}
}

// TemplateReference gives the names and functions of templates as Markdown. The examples are what the
// code makes of them.
func TemplateReference() ([]byte, error) {
	call := SampleCall()
	call.Run.To, call.Run.From, call.Run.ID, call.Intent = "v1.4.2", "v1.4.3", "r_01K3M8", "r_01K3M8-1"
	call.Run.Trigger.Deploy = "d_01K3M7"
	call.Step.Shop = "tb-main"
	data, err := call.Data()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`# Templates of steps

Settings of steps are Go templates. This page is generated from the code that fills them in (` + "`make golden`" + `); a name that there is
not is a mistake that ` + "`guardian check`" + ` finds, with its line. ` + "`guardian rollback --dry-run`" + ` shows them filled in.

| in a template | in a command of ` + "`exec`" + ` | meaning | example |
|---|---|---|---|
`)
	for _, n := range templateNames() {
		fmt.Fprintf(&b, "| `{{.%s}}` | `GUARDIAN_%s` | %s | %s |\n", n.name, strings.ToUpper(n.name), n.meaning, cell(n.of(call)))
	}
	b.WriteString("| `{{.Answer}}` | | in `webhook.poll`: the JSON that the target answered first; `{{.Answer.header.NAME}}` is one of its headers | `{{.Answer.id}}` |\n")
	for _, f := range templateFuncs() {
		t, err := ParseTemplate(f.name, f.example)
		if err != nil {
			return nil, err
		}
		out, err := t.Render(data)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "| `%s` | | %s | %s |\n", f.example, f.meaning, cell(out))
	}
	return b.Bytes(), nil
}

// cell is a text as code in a table.
func cell(text string) string {
	return "`" + strings.NewReplacer("|", "\\|", "\n", "⏎").Replace(text) + "`"
}
