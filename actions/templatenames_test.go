package actions_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"guardian/actions"
)

var update = flag.Bool("update", false, "write docs/runbooks/templates.md anew")

func TestTheTableOfTemplatesIsCurrent(t *testing.T) {
	const file = "../docs/runbooks/templates.md"
	got, err := actions.TemplateReference()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says; make golden writes it anew:\n%s", file, got)
	}
}
