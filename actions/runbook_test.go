package actions_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/kinds"
)

// written is a runbook as a configuration gives it.
func written() actions.RunbookSettings {
	s := actions.NewRunbookSettings()
	s.Name = "order-sync-back"
	st := actions.NewStepSettings()
	st.Kind, st.Settings = "exec", program("deploy", "--to", "{{.To}}")
	s.Steps = []actions.StepSettings{st}
	return s
}

func TestBook(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*actions.RunbookSettings)
		want   []string // each contained in the error; none: it is built
	}{
		"the defaults are good": {func(*actions.RunbookSettings) {}, nil},
		"no name, no steps":     {func(s *actions.RunbookSettings) { s.Name, s.Steps = "", nil }, []string{"name: is missing", "at least one step"}},
		"an unknown kind names the choices": {
			func(s *actions.RunbookSettings) { s.Steps[0].Kind = "dokcer" },
			[]string{`steps[0]: no kind "dokcer"; choose one of compose, docker, exec, flag, `},
		},
		"a step without a kind": {func(s *actions.RunbookSettings) { s.Steps[0].Kind = "" }, []string{"steps[0]: says nothing to do"}},
		"a mistake in a step's own settings is told with the rest": {func(s *actions.RunbookSettings) {
			s.Steps[0].Settings = program()
			s.Verify.Successes = 0
			s.Approval.OnTimeout = "aprove"
			s.OnFailure = "ignore"
		}, []string{"steps[0]: exec: command: is missing", "verify: successes", `approval: on_timeout: "aprove" is not one of expire, approve`, `on_failure: "ignore" is not one of stop, continue`}},
		"two steps of one name": {func(s *actions.RunbookSettings) { s.Steps = append(s.Steps, s.Steps[0]) }, []string{`steps[1]: the name "exec" is taken`}},
		"a proof that cannot be had in its time": {func(s *actions.RunbookSettings) {
			s.Verify.For, s.Verify.Every, s.Verify.Successes = model.Duration(time.Minute), model.Duration(time.Minute), 3
		}, []string{"verify: for: 3 looks every 1m take 2m"}},
		"silence for ever is no yes": {func(s *actions.RunbookSettings) { s.Approval.Timeout, s.Approval.OnTimeout = 0, "approve" }, []string{"needs a time limit"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := written()
			c.change(&s)
			b, err := actions.NewRunbook(s, kinds.Builtin(), actiontest.Env())
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("error %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %v, want …%s…", err, w)
				}
			}
			if err == nil && (len(b.Steps) != 1 || b.Steps[0].Name != "exec" || b.Steps[0].Timeout != 5*time.Minute) {
				t.Errorf("built %+v", b)
			}
		})
	}
}

// Every key of every kind's settings is documented: the schema is made of these words.
func TestSettingsAreDocumented(t *testing.T) {
	types := []reflect.Type{reflect.TypeFor[actions.RunbookSettings]()}
	for _, k := range kinds.Builtin() {
		types = append(types, reflect.TypeOf(k.Settings()))
	}
	seen := map[reflect.Type]bool{}
	for len(types) > 0 {
		ty := types[0]
		types = types[1:]
		for ty.Kind() == reflect.Pointer || ty.Kind() == reflect.Slice || ty.Kind() == reflect.Map {
			ty = ty.Elem()
		}
		if ty.Kind() != reflect.Struct || seen[ty] || !strings.HasPrefix(ty.PkgPath(), "guardian/actions") {
			continue
		}
		seen[ty] = true
		for f := range ty.Fields() {
			if key := f.Tag.Get("yaml"); key == "" || key != "-" && key != ",inline" && !strings.HasSuffix(f.Tag.Get("doc"), ".") {
				t.Errorf("%s.%s needs a yaml key and one sentence of doc", ty.Name(), f.Name)
			}
			types = append(types, f.Type)
		}
	}
}
