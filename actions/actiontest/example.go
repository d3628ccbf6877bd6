package actiontest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/configs"
	"guardian/internal/config"
)

// Example builds the first step of configs/runbooks/NAME.yaml, the file that people copy, as the service
// would. change puts what a test has in the place of the file's addresses; lookup gives environment
// variables, nil: those of the process.
func Example(t *testing.T, name string, lookup func(string) (string, bool), change func(string) string) actions.RunbookStep {
	t.Helper()
	text, err := fs.ReadFile(configs.FS, "runbooks/"+name+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, []byte(change(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	env := Env()
	c, err := config.Load(file, config.Options{Redactor: env.Redactor, LookupEnv: lookup})
	if err != nil {
		t.Fatal(err)
	}
	book, err := actions.NewRunbook(c.Runbooks[0], kinds.Builtin(), env)
	if err != nil {
		t.Fatal(err)
	}
	return book.Steps[0]
}
