package test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"guardian/test/program"
)

// room is what the floor plan says of one package.
type room struct {
	may []string // imports of ours, beside those that everybody may import
	why string   // said when the test fails
}

const everything = "*"

// floorPlan is the table of docs/architecture.md. A new package gets a line in both.
func floorPlan() map[string]room {
	types := []string{
		"probes", "probes/sample", "rules", "watch", "sla", "actions", "notifiers", "notifiers/route", "oncall", "decide", "internal/drills", "internal/flags", "internal/windows",
	}
	return map[string]room{
		"internal/secret":     {why: "everybody imports it"},
		"internal/reason":     {why: "everybody imports it"},
		"internal/versions":   {why: "everybody imports it"},
		"internal/templates":  {why: "everybody imports it"},
		"internal/spelling":   {why: "everybody imports it"},
		"probes/sample":       {why: "it holds nouns that everybody who decides imports"},
		"probes/marketplace":  {why: "it makes facts of answers and needs nothing else"},
		"watch/judge":         {why: "it is plain mathematics"},
		"internal/mirror":     {why: "it keeps rows in memory, whatever they are"},
		"internal/flags":      {may: []string{"internal/mirror"}, why: "what a kill switch is now is a function of settings, its last change and a time"},
		"internal/windows":    {may: []string{"internal/mirror"}, why: "a window is a function of what was announced, and a time"},
		"internal/drills":     {may: []string{"actions", "watch"}, why: "how a drill goes on is a function of its record, what was seen of it, and a time"},
		"actions":             {may: []string{"internal/flags", "internal/windows"}, why: "it acts, and must not know deploys, checks or messages: what runs an act decides nothing"},
		"actions/docker":      {may: []string{"actions"}, why: "a kind of step knows its target, and no other kind"},
		"actions/exec":        {may: []string{"actions"}, why: "a kind of step knows its target, and no other kind"},
		"actions/flag":        {may: []string{"actions", "internal/flags"}, why: "a kind of step knows its target, and no other kind"},
		"actions/helm":        {may: []string{"actions", "actions/exec"}, why: "a kind of step knows its target; this one runs a program as exec does"},
		"actions/snapshot":    {may: []string{"actions", "actions/exec", "internal/checksum"}, why: "a kind of step knows its target; this one runs a command as exec does"},
		"actions/sql":         {may: []string{"actions", "internal/sqldb"}, why: "a kind of step knows its target, and no other kind"},
		"actions/git":         {may: []string{"actions", "actions/sshconn"}, why: "a kind of step knows its target, and no other kind"},
		"actions/ssh":         {may: []string{"actions", "actions/sshconn"}, why: "a kind of step knows its target, and no other kind"},
		"actions/sshconn":     {may: []string{"actions"}, why: "it connects, and does not know what for"},
		"actions/traffic":     {may: []string{"actions"}, why: "a kind of step knows its target, and no other kind"},
		"actions/kubernetes":  {may: []string{"actions"}, why: "a kind of step knows its target, and no other kind"},
		"actions/webhook":     {may: []string{"actions"}, why: "a kind of step knows its target, and no other kind"},
		"actions/window":      {may: []string{"actions", "internal/windows"}, why: "a kind of step knows its target, and no other kind"},
		"actions/kinds":       {may: []string{"actions", "actions/docker", "actions/exec", "actions/flag", "actions/helm", "actions/kubernetes", "actions/git", "actions/ssh", "actions/snapshot", "actions/sql", "actions/traffic", "actions/webhook", "actions/window"}, why: "it lists the kinds of steps"},
		"configs":             {why: "it holds examples"},
		"notifiers/route":     {why: "it matches labels, whatever they are about"},
		"oncall":              {may: []string{"notifiers/route"}, why: "who is on call is a function of settings, calendars and a time"},
		"notifiers":           {may: []string{"notifiers/route"}, why: "a messenger must not know what an alert, a deploy or a rollback is"},
		"internal/checksum":   {why: "it knows files and their sidecars"},
		"internal/sqldb":      {why: "it opens databases of services, and knows neither checks nor steps"},
		"probes":              {may: []string{"probes/sample", "probes/marketplace", "internal/checksum", "internal/sqldb"}, why: "a look sees; it does not judge, store or tell"},
		"rules":               {may: []string{"probes/sample"}, why: "alerts are a pure function of what was seen"},
		"sla":                 {may: []string{"probes/sample"}, why: "the report is a pure function of facts"},
		"watch":               {may: []string{"probes/sample", "watch/judge", "rules"}, why: "a watch gives verdicts; it can neither act nor tell"},
		"decide":              {may: []string{"probes/sample", "rules", "watch", "actions", "notifiers/route", "oncall", "internal/windows"}, why: "a decision is a function of settings, the past, the present and a time"},
		"internal/history":    {may: []string{"decide", "actions", "internal/series", "internal/store", "sla", "watch"}, why: "it reads the past for the decider and decides nothing"},
		"internal/importer":   {may: []string{"notifiers/route"}, why: "it converts texts; what they mean is decided where they are read"},
		"internal/forward":    {may: []string{"rules"}, why: "it sends alerts to others, and neither evaluates nor decides who is notified"},
		"internal/rulesource": {why: "it asks other servers, and knows no rule"},
		"internal/chatops":    {may: []string{"rules", "notifiers/route"}, why: "it decides what a message permits, and neither keeps nor sends"},
		"internal/notify":     {may: []string{"decide", "rules", "notifiers", "notifiers/route", "internal/announce", "internal/store"}, why: "it puts notices into transactions; it neither words nor sends them"},
		"internal/runs":       {may: []string{"decide", "actions", "oncall", "watch", "notifiers", "internal/announce", "internal/notify", "internal/store"}, why: "it drives runs; what they do is theirs, whether they may is decided elsewhere"},
		"internal/watching":   {may: []string{"decide", "actions", "probes/sample", "rules", "watch", "notifiers", "internal/announce", "internal/notify", "internal/recording", "internal/runs", "internal/store"}, why: "it holds open watches; it neither judges nor decides"},
		"internal/alerting":   {may: []string{"decide", "oncall", "actions", "rules", "watch", "notifiers", "internal/announce", "internal/notify", "internal/runs", "internal/store"}, why: "it evaluates rules; when they fire and who hears of it is decided elsewhere"},
		"internal/announce":   {may: []string{"decide", "oncall", "probes/sample", "rules", "watch", "sla", "actions", "notifiers", "internal/drills", "internal/flags", "internal/windows"}, why: "it makes words of facts, and does not send them"},
		"internal/config":     {may: append([]string{"configs", "internal/ingest", "probes/marketplace", "actions/exec", "actions/flag", "actions/helm", "actions/kinds", "actions/snapshot", "actions/traffic", "actions/window"}, types...), why: "it decodes the settings of the packages that have some"},
		"internal/starter":    {may: []string{"actions"}, why: "it writes a configuration, and reads none"},
		"internal/netpath":    {may: []string{"probes/sample"}, why: "it knows which network paths work, and neither looks nor tells"},
		"internal/present":    {may: []string{"decide", "actions", "probes/sample", "rules", "watch", "internal/netpath", "internal/recording"}, why: "it asks those who know how things are, and decides nothing"},
		"internal/drift":      {may: []string{"decide", "actions", "probes", "internal/notify", "internal/store"}, why: "it compares; what should run and what is drift is decided elsewhere"},
		"internal/roster":     {may: []string{"oncall"}, why: "it builds schedules anew when calendars and overrides change, and tells nobody"},
		"internal/selfcheck": {
			may: []string{"decide", "probes", "probes/sample", "notifiers", "internal/announce", "internal/leadership", "internal/notify", "internal/recording", "internal/series", "internal/store"},
			why: "it watches the guardian itself: what is a fault is decided elsewhere, and others know how they are",
		},
		"internal/calendars":  {may: []string{"oncall"}, why: "it reads calendars, and knows no schedule"},
		"internal/quota":      {may: []string{"probes", "probes/marketplace", "probes/sample"}, why: "it keeps account of calls, and knows neither deploys nor alerts"},
		"internal/clock":      {why: "it tells the time"},
		"internal/leadership": {may: []string{"internal/store"}, why: "it holds the lease, and does not know what is done with it"},
		"internal/recording":  {may: []string{"probes/sample", "rules", "sla", "watch", "internal/store"}, why: "it keeps what was seen, and neither decides nor tells"},
		"internal/ingest":     {may: []string{"internal/series"}, why: "it takes what others measured, and knows neither checks nor rules"},
		"internal/series":     {may: []string{"probes/sample", "rules"}, why: "it keeps samples and decides nothing"},
		"internal/store":      {may: types, why: "it keeps the types of the packages that decide"},
		"internal/changing":   {may: []string{"actions", "notifiers", "sla", "internal/announce", "internal/flags", "internal/notify", "internal/store", "internal/windows"}, why: "it writes changes down; whether they may be made is decided elsewhere"},
		"internal/drilling": {
			may: []string{"actions", "decide", "notifiers", "probes/sample", "watch", "internal/announce", "internal/drills", "internal/notify", "internal/runs", "internal/store", "internal/watching"},
			why: "it carries drills out: what is due is decided elsewhere, and others announce, act and tell",
		},
		"internal/orders": {may: []string{"probes", "notifiers", "internal/announce", "internal/notify", "internal/store"}, why: "it records orders with the notice about one that is given up; the check decides when"},
		"internal/server": {may: append([]string{"internal/chatops"}, types...), why: "it shows types through interfaces of its own, and opens no database"},
		"internal/receivers": {
			may: []string{"notifiers", "probes", "internal/announce", "internal/chatops", "internal/config", "internal/server"},
			why: "it builds receivers, and neither sends nor decides what may be done from a message",
		},
		"internal/ruletest": {may: []string{"rules"}, why: "it runs rules on samples of a file"},
		"internal/demo":     {why: "the demo's world knows nothing of the guardian"},
		"internal/api": {
			may: append(slices.Clone(types), "probes/marketplace", "internal/alerting", "internal/announce", "internal/chatops", "internal/config", "internal/drilling", "internal/ingest", "internal/leadership",
				"internal/notify", "internal/quota", "internal/recording", "internal/runs", "internal/series", "internal/server", "internal/store", "internal/watching"),
			why: "it converts between the server and what answers it, and decides nothing",
		},
		"internal/replay": {
			may: append(slices.Clone(types), "watch/judge", "internal/announce", "internal/config", "internal/series", "internal/store"),
			why: "it decides again on what was recorded; it neither looks, acts nor tells",
		},
		"internal/app": {may: []string{everything}, why: "it wires"},
		"internal/cli": {may: []string{everything}, why: "it is the edge"},
		"cmd/guardian": {may: []string{"internal/cli"}, why: "main is flags and signals only"},
	}
}

// forTests tells whether a package exists for tests: the folder test/, and the contract
// suites, which are named for the package that they test.
func forTests(path string) bool {
	parent, name := filepath.Split(path)
	owner := strings.TrimSuffix(filepath.Base(parent), "s")
	return path == "test" || strings.HasPrefix(path, "test/") || (parent != "" && name == owner+"test")
}

type goPackage struct {
	ImportPath, Dir, Name string
	GoFiles, Imports      []string
}

// ours gives an import path without the module's name, and whether it has it.
func ours(path string) (string, bool) { return strings.CutPrefix(path, "guardian/") }

func packages(t *testing.T) []goPackage {
	t.Helper()
	if err := program.Depend("guardian/..."); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,Name,GoFiles,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		switch err := in.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(all) < 10 {
				t.Fatalf("go list gave %d packages: this test looks at nothing", len(all))
			}
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// files parses what a package is made of, without its tests.
func files(t *testing.T, p goPackage) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	var all []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return set, all
}

func TestEveryPackageImportsWhatTheFloorPlanAllows(t *testing.T) {
	plan := floorPlan()
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		allowed, planned := plan[path]
		if !planned && !forTests(path) {
			t.Errorf("%s is not on the floor plan: say in docs/architecture.md and here what it may import", path)
			continue
		}
		for _, imported := range p.Imports {
			other, is := ours(imported)
			switch {
			case !is || other == "internal/secret" || other == "internal/reason" || other == "internal/versions" || other == "internal/templates" || other == "internal/spelling":
			case forTests(path):
				// What serves tests may import what it tests; nothing else imports it.
			case forTests(other):
				t.Errorf("%s imports %s, which is for tests", path, other)
			case !slices.Contains(allowed.may, other) && !slices.Contains(allowed.may, everything):
				t.Errorf("%s imports %s, but %s", path, other, allowed.why)
			}
		}
	}
}

func TestFloorPlanNamesNoPackageThatIsGone(t *testing.T) {
	there := map[string]bool{}
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		there[path] = true
	}
	for path := range floorPlan() {
		if !there[path] {
			t.Errorf("%s is on the floor plan, but there is no such package", path)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		if p.Name == "main" || len(p.GoFiles) == 0 {
			continue
		}
		_, parsed := files(t, p)
		said := false
		for i, f := range parsed {
			said = said || (p.GoFiles[i] == "doc.go" && f.Doc != nil)
		}
		if !said {
			t.Errorf("%s has no doc.go: say what it is for, what it will not do, and where to start", path)
		}
	}
}

func TestEveryDependencySaysWhyItIsThere(t *testing.T) {
	page, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Depend("guardian/cmd/guardian"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	for module := range strings.FieldsSeq(string(out)) {
		if !strings.Contains(string(page), "`"+module+"`") {
			t.Errorf("docs/dependencies.md does not say why %s is there", module)
		}
	}
}

func TestNoPackageIsNamedForNothing(t *testing.T) {
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		for part := range strings.SplitSeq(path, "/") {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "lib", "types"}, part) {
				t.Errorf("%s: a package named %s gathers what has no home; name it for what it does", path, part)
			}
		}
	}
}

func TestDecisionsReadNoClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep"}
	decide := []string{"watch", "watch/judge", "rules", "sla", "notifiers/route", "internal/announce"}
	looked := 0
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		if !slices.Contains(decide, path) {
			continue
		}
		looked++
		set, parsed := files(t, p)
		for _, f := range parsed {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := call.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, call.Sel.Name) {
					t.Errorf("%s: time.%s: a decision takes the time as an argument, so that it can be replayed", set.Position(n.Pos()), call.Sel.Name)
				}
				return true
			})
		}
	}
	if looked != len(decide) {
		t.Errorf("looked at %d of %d packages that decide", looked, len(decide))
	}
}

func TestNothingHappensBeforeMain(t *testing.T) {
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		set, parsed := files(t, p)
		for _, f := range parsed {
			for _, decl := range f.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil && d.Name.Name == "init" {
						t.Errorf("%s: init runs for everybody who imports the package; make a table or a constructor", set.Position(d.Pos()))
					}
				case *ast.GenDecl:
					// One database server serves all tests of a process.
					if d.Tok == token.VAR && !forTests(path) {
						globals(t, set, d)
					}
				}
			}
		}
	}
}

// globals tells of package-level variables that hold state. What is made once and never
// changed is allowed: sentinel errors, compiled patterns and templates, embedded files, and
// assertions that a type has methods.
func globals(t *testing.T, set *token.FileSet, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		embedded := (d.Doc != nil && strings.Contains(comments(d.Doc), "//go:embed")) ||
			(v.Doc != nil && strings.Contains(comments(v.Doc), "//go:embed"))
		for i, name := range v.Names {
			if name.Name == "_" || embedded || (i < len(v.Values) && constant(v.Values[i])) {
				continue
			}
			t.Errorf("%s: the variable %s belongs to the whole process; two guardians in one process would share it", set.Position(name.Pos()), name.Name)
		}
	}
}

func comments(g *ast.CommentGroup) string {
	var b strings.Builder
	for _, c := range g.List {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}

// constant tells whether an expression makes something that nobody can change.
func constant(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	made, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := made.X.(*ast.Ident)
	if !ok {
		return false
	}
	switch from.Name + "." + made.Sel.Name {
	case "errors.New", "fmt.Errorf", "regexp.MustCompile", "template.Must", "strings.NewReplacer", "time.Date":
		return true
	default:
		return false
	}
}
