package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/watch"
)

// SchemaID is the schema's $id.
const SchemaID = "https://guardian.example.com/guardian.schema.json"

// node is one JSON Schema.
type node map[string]any

// Schema returns the JSON Schema (draft 2020-12) of a configuration, generated from the
// structs that Load fills, for completion in editors. Rules that involve several keys are
// not in it.
func Schema(o Options) ([]byte, error) {
	w := schemaWriter{kinds: kindsOf(o.withDefaults()), defs: node{}, names: map[reflect.Type]string{}}
	root := w.object(reflect.TypeFor[Config](), reflect.ValueOf(defaultConfig()))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = SchemaID
	root["title"] = "guardian.yaml"
	// Keys that start with x- are free for anchors.
	root["patternProperties"] = node{"^x-": true}
	w.defs["text"] = node{"type": []string{"string", "number", "boolean"}}
	w.defs["interpolated"] = node{"type": "string", "pattern": `\$\{(env|file):[^}]+\}`}
	w.defs["duration"] = node{"type": []string{"string", "integer"}, "pattern": `^(([0-9]+(ms|[smhdwy]))+|0)$|\$\{`, "maximum": 0, "minimum": 0}
	w.defs["share"] = node{"type": []string{"string", "number"}, "pattern": `^[0-9.eE+-]+ *%?$|\$\{`}
	root["$defs"] = w.defs
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(out, '\n'), nil
}

type schemaWriter struct {
	kinds kindTables
	defs  node
	names map[reflect.Type]string
}

func ref(name string) node { return node{"$ref": "#/$defs/" + name} }

// of returns the schema of a type. v holds its default; the zero Value means none.
func (w *schemaWriter) of(t reflect.Type, v reflect.Value, f field) node {
	if t.Kind() == reflect.Pointer {
		if v.IsValid() {
			v = v.Elem()
		}
		return w.of(t.Elem(), v, f)
	}
	switch reflect.New(t).Interface().(type) {
	case *model.Duration:
		return withDefault(ref("duration"), v)
	case *watch.Share:
		return withDefault(ref("share"), v)
	case *time.Time:
		return node{"anyOf": []node{{"type": "string", "format": "date-time"}, ref("interpolated")}}
	case *secret.Secret:
		return ref("text")
	case encoding.TextUnmarshaler:
		return withDefault(ref("text"), v)
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.named(t)
	case reflect.Slice:
		return node{"type": []string{"array", "null"}, "items": w.of(t.Elem(), reflect.Value{}, field{enum: f.enum})}
	case reflect.Map:
		return node{"type": []string{"object", "null"}, "additionalProperties": w.of(t.Elem(), reflect.Value{}, field{enum: f.enum})}
	case reflect.Bool:
		return withDefault(orInterpolated("boolean"), v)
	case reflect.Float32, reflect.Float64:
		return withDefault(orInterpolated("number"), v)
	case reflect.Interface:
		return node{}
	case reflect.String:
		if len(f.enum) > 0 {
			return withDefault(node{"enum": f.enum}, v)
		}
		return withDefault(ref("text"), v)
	default:
		return withDefault(orInterpolated("integer"), v)
	}
}

func orInterpolated(kind string) node {
	return node{"anyOf": []node{{"type": kind}, ref("interpolated")}}
}

// withDefault adds the default of a key.
func withDefault(n node, v reflect.Value) node {
	if !v.IsValid() || v.IsZero() {
		return n
	}
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := text.MarshalText(); err == nil && len(b) > 0 {
			n["default"] = string(b)
		}
		return n
	}
	n["default"] = v.Interface()
	return n
}

// named puts a struct into $defs, so that recursive structs work.
func (w *schemaWriter) named(t reflect.Type) node {
	if name, ok := w.names[t]; ok {
		return ref(name)
	}
	name := t.String()
	w.names[t] = name
	w.defs[name] = node{}
	w.defs[name] = w.object(t, fresh(t).Elem())
	return ref(name)
}

// object returns the schema of a struct with these defaults.
func (w *schemaWriter) object(t reflect.Type, defaults reflect.Value) node {
	properties := node{}
	required := []string{}
	for _, f := range fieldsOf(t) {
		one := w.of(f.typ, defaults.FieldByIndex(f.index), f)
		if f.doc != "" {
			one["description"] = f.doc
		}
		properties[f.key] = one
		if f.required {
			required = append(required, f.key)
		}
	}
	out := node{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	table, sectioned := w.kinds[t]
	if !sectioned {
		return out
	}
	var one []node
	for _, kind := range table.names() {
		settings := reflect.ValueOf(table.settings[kind]()).Elem()
		section := w.object(settings.Type(), settings)
		section["type"] = []string{"object", "null"}
		name := table.noun + "." + kind
		w.defs[name] = section
		properties[kind] = ref(name)
		one = append(one, node{"required": []string{kind}})
	}
	if _, ok := reflect.New(t).Interface().(grouped); ok {
		one = append(one, node{"required": []string{"parallel"}})
	}
	if said, ok := properties["kind"].(node); ok {
		said["enum"] = table.names()
		delete(said, "$ref")
		// A kind whose defaults are sufficient needs no section.
		one = append(one, node{"required": []string{"kind"}, "not": node{"anyOf": append([]node{}, one...)}})
	}
	out["oneOf"] = one
	return out
}
