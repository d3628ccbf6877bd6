package configs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"guardian/configs"
	"guardian/internal/config"
	"guardian/rules"
)

// packs lists the names of the rule packs.
func packs(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(configs.FS, "packs/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(path.Base(f), ".yaml"); !strings.HasSuffix(name, ".checks") {
			names = append(names, name)
		}
	}
	if len(names) < 12 {
		t.Fatalf("found the packs %v: this test looks at too little", names)
	}
	return names
}

// examples writes the embedded files into a folder and returns it.
func examples(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, configs.FS); err != nil {
		t.Fatal(err)
	}
	return folder
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(configs.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// alertsOf returns the alerting rules of a pack.
func alertsOf(t *testing.T, pack string) []*rules.Rule {
	t.Helper()
	groups, err := rules.Load([]rules.File{{Name: pack, Content: read(t, "packs/"+pack+".yaml")}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all []*rules.Rule
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				all = append(all, r)
			}
		}
	}
	return all
}

// The checks of a pack load its rules, so a metric that no check produces is a mistake.
func TestPacksPassTheCheck(t *testing.T) {
	folder := examples(t)
	example := func(name string) (string, bool) {
		switch name {
		case "SHOP_HOOKS":
			return "hooks.example.com:443", true
		case "SHOP_DSN":
			return "postgres://reader@db.example.com/shop", true
		case "GUARDIAN_TOKEN", "SHOP_API_TOKEN":
			return "secret-of-the-example", true
		default:
			return "https://" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + ".example.com", true
		}
	}
	for _, pack := range packs(t) {
		at := filepath.Join(folder, "packs")
		files := []string{filepath.Join(at, pack+".yaml"), filepath.Join(at, pack+".checks.yaml")}
		if _, err := config.LoadFiles(files, config.Options{LookupEnv: example}); err != nil {
			t.Errorf("%s:\n%v", pack, err)
		}
	}
}

func TestAlertsOfPacksSayWhatToDoInBothLanguages(t *testing.T) {
	chinese := regexp.MustCompile(`\p{Han}`)
	seen := map[string]string{}
	for _, pack := range packs(t) {
		for _, r := range alertsOf(t, pack) {
			for _, name := range []string{"summary", "summary_zh", "action", "action_zh"} {
				text := r.Annotations[name]
				if text == "" {
					t.Errorf("%s: %s has no annotation %s", pack, r.Alert, name)
				}
				if zh := strings.HasSuffix(name, "_zh"); zh != chinese.MatchString(text) {
					t.Errorf("%s: %s: annotation %s is in the wrong language: %s", pack, r.Alert, name, text)
				}
			}
			if r.Annotations["description"] != "" && r.Annotations["description_zh"] == "" {
				t.Errorf("%s: %s has a description and no description_zh", pack, r.Alert)
			}
			if tier := r.Labels["tier"]; !slices.Contains([]string{"critical", "warning", "info"}, tier) {
				t.Errorf("%s: %s has the tier %q", pack, r.Alert, tier)
			}
			if other := seen[r.Alert]; other != "" {
				t.Errorf("%s is an alert of %s and of %s: loading both would notify twice", r.Alert, other, pack)
			}
			seen[r.Alert] = pack
		}
	}
}

func TestReadmeOfPacksListsEachAlertInBothLanguages(t *testing.T) {
	readme := string(read(t, "packs/README.md"))
	for _, pack := range packs(t) {
		for _, r := range alertsOf(t, pack) {
			if n := strings.Count(readme, "`"+r.Alert+"`"); n != 2 {
				t.Errorf("packs/README.md names %s of %s %d times, want one in each language", r.Alert, pack, n)
			}
		}
	}
}
