package config

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/watch"
)

// Reference returns every key with its type, default and meaning as Markdown, generated from
// the structs that Load fills.
func Reference(o Options) []byte {
	w := referenceWriter{kinds: kindsOf(o.withDefaults()), seen: map[reflect.Type]string{}}
	w.out.WriteString(`# Configuration

Every key of ` + "`guardian.yaml`" + `. This page and ` + "`configs/guardian.schema.json`" + ` are generated from the code that reads the file
(` + "`make golden`" + ` regenerates them); ` + "`guardian check FILE`" + ` finds all mistakes with their lines.

- Durations are Prometheus durations: ` + "`500ms`, `15s`, `30m`, `1h30m`, `15d`" + `. Times are RFC 3339. Shares are ` + "`99.9%`" + ` or ` + "`0.999`" + `.
- ` + "`${env:NAME}`" + ` and ` + "`${file:PATH}`" + ` in a value stand for an environment variable and a file's content (without
  its last line break); ` + "`$${`" + ` stands for ` + "`${`" + `. Use them for secrets: such values are never printed.
- Values of secrets, of headers with names such as ` + "`Authorization`, `Cookie`, `X-Api-Key`" + `, and of headers that look like a token are masked wherever
  they appear; other headers written here are shown. A secret of up to eight letters, or of up to eight digits, is a common word: it is masked
  only where it stands as a credential (after ` + "`password=`, `Bearer`" + ` and the like, in an address or a query), because a word that is missing
  everywhere makes texts unreadable and gives itself away. Take longer secrets.
- Relative paths are relative to the configuration's folder.
- YAML anchors, aliases and merges (` + "`<<: *a`" + `) work; top-level keys that begin with ` + "`x-`" + ` are free for anchors.

`)
	w.section("guardian.yaml", reflect.TypeFor[Config](), reflect.ValueOf(defaultConfig()))
	return bytes.TrimRight(w.out.Bytes(), "\n")
}

type referenceWriter struct {
	kinds kindTables
	seen  map[reflect.Type]string
	out   bytes.Buffer
}

// lead is a struct that a key leads to; its table follows the one with the key.
type lead struct {
	path string
	typ  reflect.Type
	v    reflect.Value
}

func (w *referenceWriter) section(path string, t reflect.Type, defaults reflect.Value) {
	w.seen[t] = path
	if len(fieldsOf(t)) == 0 {
		fmt.Fprintf(&w.out, "## `%s`\n\nIt has no keys: `{}`.\n\n", path)
		return
	}
	fmt.Fprintf(&w.out, "## `%s`\n\n| key | type | default | meaning |\n|---|---|---|---|\n", path)
	prefix := path + "."
	if path == "guardian.yaml" {
		prefix = ""
	}
	var deeper []lead
	for _, f := range fieldsOf(t) {
		v := defaults.FieldByIndex(f.index)
		word, inner, suffix := typeWord(f.typ, f.enum)
		at := prefix + f.key + suffix
		if inner != nil {
			if known, ok := w.seen[inner]; ok {
				word += " as in `" + known + "`"
			} else {
				word += " ↓"
				deeper = append(deeper, lead{path: at, typ: inner, v: defaultsOf(inner, v)})
			}
		}
		fallback := defaultWord(v)
		if f.required {
			fallback = "**required**"
		}
		fmt.Fprintf(&w.out, "| `%s` | %s | %s | %s |\n", f.key, word, fallback, strings.ReplaceAll(f.doc, "|", `\|`))
	}
	table, sectioned := w.kinds[t]
	for _, kind := range table.names() {
		settings := reflect.ValueOf(table.settings[kind]()).Elem()
		fmt.Fprintf(&w.out, "| `%s` | mapping ↓ | | The settings of a %s of kind %s. |\n", kind, table.noun, kind)
		deeper = append(deeper, lead{path: prefix + kind, typ: settings.Type(), v: settings})
	}
	if sectioned {
		fmt.Fprintf(&w.out, "\nOne of %s is required.\n", "`"+strings.Join(table.names(), "`, `")+"`")
	}
	w.out.WriteString("\n")
	for _, b := range deeper {
		if _, ok := w.seen[b.typ]; !ok {
			w.section(b.path, b.typ, b.v)
		}
	}
}

// defaultsOf returns the defaults of a struct that a key leads to: those of the key, else
// those of a new struct.
func defaultsOf(t reflect.Type, v reflect.Value) reflect.Value {
	if v.IsValid() && v.Type() == t {
		return v
	}
	return fresh(t).Elem()
}

// typeWord describes a type, and returns the struct in it with the suffix of its path.
func typeWord(t reflect.Type, enum []string) (word string, inner reflect.Type, suffix string) {
	if len(enum) > 0 && t.Kind() == reflect.String {
		return strings.Join(enum, ", "), nil, ""
	}
	if t.Kind() == reflect.Pointer {
		return typeWord(t.Elem(), enum)
	}
	switch reflect.New(t).Interface().(type) {
	case *model.Duration:
		return "duration", nil, ""
	case *watch.Share:
		return "share", nil, ""
	case *time.Time:
		return "time", nil, ""
	case *secret.Secret:
		return "secret", nil, ""
	case encoding.TextUnmarshaler:
		return "text", nil, ""
	}
	switch t.Kind() {
	case reflect.Struct:
		return "mapping", t, ""
	case reflect.Slice:
		word, inner, suffix = typeWord(t.Elem(), enum)
		return "list of " + word, inner, "[]" + suffix
	case reflect.Map:
		word, inner, suffix = typeWord(t.Elem(), enum)
		return "mapping of " + word, inner, ".*" + suffix
	case reflect.Bool:
		return "true, false", nil, ""
	case reflect.Float32, reflect.Float64:
		return "number", nil, ""
	case reflect.String:
		return "text", nil, ""
	case reflect.Interface:
		return "any value", nil, ""
	default:
		return "whole number", nil, ""
	}
}

func defaultWord(v reflect.Value) string {
	if !v.IsValid() || v.IsZero() && v.Kind() != reflect.Bool {
		return ""
	}
	switch v.Kind() {
	case reflect.Struct:
		text, ok := v.Interface().(fmt.Stringer)
		if !ok || !slices.Contains([]reflect.Type{reflect.TypeFor[Timezone](), reflect.TypeFor[Cron]()}, v.Type()) {
			return ""
		}
		return "`" + text.String() + "`"
	case reflect.Map, reflect.Pointer:
		return ""
	case reflect.Slice:
		words := make([]string, v.Len())
		for i := range words {
			words[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return "`" + strings.Join(words, ", ") + "`"
	default:
		return fmt.Sprintf("`%v`", v.Interface())
	}
}
