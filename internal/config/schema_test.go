package config_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"guardian/internal/config"
)

func TestSchemaIsCurrent(t *testing.T) {
	schema, err := config.Schema(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../../configs/guardian.schema.json", schema)
}

func TestReferenceIsCurrent(t *testing.T) {
	golden(t, "../../docs/configuration.md", append(config.Reference(config.Options{}), '\n'))
}

func compiled(t *testing.T) (schema *jsonschema.Schema, raw map[string]any) {
	t.Helper()
	text, err := config.Schema(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(config.SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	schema, err = c.Compile(config.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return schema, doc.(map[string]any)
}

func decoded(t *testing.T, path string) any {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal(content, &v); err != nil {
		t.Fatal(err)
	}
	return timesAsText(v)
}

// timesAsText turns dates into strings, because JSON has no dates.
func timesAsText(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, one := range v {
			v[key] = timesAsText(one)
		}
		return v
	case []any:
		for i, one := range v {
			v[i] = timesAsText(one)
		}
		return v
	case interface{ Format(layout string) string }:
		return v.Format("2006-01-02T15:04:05Z07:00")
	default:
		return v
	}
}

func TestExamplesSatisfyTheSchema(t *testing.T) {
	schema, _ := compiled(t)
	for _, name := range []string{"minimal.yaml", "full.yaml"} {
		if err := schema.Validate(decoded(t, filepath.Join("../../configs", name))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaFindsMistakes(t *testing.T) {
	schema, _ := compiled(t)
	for _, name := range []string{
		"unknown-key", "choice", "mode", "role", "no-kind", "kind-mistyped", "kind-twice", "kind-setting-unknown", "duration",
		"number", "boolean", "missing-name", "mapping-is-text", "list-is-mapping", "step-missing", "freeze-allow",
	} {
		if schema.Validate(decoded(t, "testdata/invalid-"+name+".yml")) == nil {
			t.Errorf("the schema accepts invalid-%s.yml", name)
		}
	}
}

// full.yaml sets every key, so that it stays complete.
func TestFullSetsEveryKey(t *testing.T) {
	_, raw := compiled(t)
	defs, _ := raw["$defs"].(map[string]any)
	set := map[string]bool{}
	mark(decoded(t, "../../configs/full.yaml"), raw, "guardian.yaml", defs, set)

	missing := unset("guardian.yaml", raw, set)
	for name, def := range defs {
		schema, _ := def.(map[string]any)
		missing = append(missing, unset(name, schema, set)...)
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("full.yaml does not set:\n%s", strings.Join(missing, "\n"))
	}
}

func unset(name string, schema map[string]any, set map[string]bool) []string {
	var missing []string
	properties, _ := schema["properties"].(map[string]any)
	for key := range properties {
		if at := name + "." + key; !set[at] {
			missing = append(missing, at)
		}
	}
	return missing
}

// mark walks a document along its schema and notes which properties are set.
func mark(v any, schema map[string]any, name string, defs map[string]any, set map[string]bool) {
	if to, ok := schema["$ref"].(string); ok {
		name = strings.TrimPrefix(to, "#/$defs/")
		schema, _ = defs[name].(map[string]any)
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for key, one := range v {
			if below, ok := properties[key].(map[string]any); ok {
				set[name+"."+key] = true
				mark(one, below, name+"."+key, defs, set)
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, one := range v {
			mark(one, items, fmt.Sprintf("%s[%d]", name, i), defs, set)
		}
	}
}
