package helm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"guardian/internal/versions"
)

// The states of a revision, as helm names them.
const (
	deployed        = "deployed"
	superseded      = "superseded"
	failed          = "failed"
	pendingRollback = "pending-rollback"
)

// revision is one entry of helm's history of a release.
type revision struct {
	Number      int    `json:"revision"`
	When        string `json:"updated"`
	Status      string `json:"status"`
	Chart       string `json:"chart"` // NAME-VERSION
	AppVersion  string `json:"app_version"`
	Description string `json:"description"`

	asked  bool // for its images
	images []image
}

// image is what a container of a revision's manifest runs.
type image struct{ container, name string }

func (r *revision) pending() bool { return strings.HasPrefix(r.Status, "pending-") }

// updated is when helm wrote the revision; zero when it does not say.
func (r *revision) updated() time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.When)
	if err != nil {
		return time.Time{}
	}
	return at
}

// historyOf reads what helm history -o json says, oldest first.
func historyOf(out []byte) ([]*revision, error) {
	var all []*revision
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *revision) int { return a.Number - b.Number })
	return all, nil
}

// chartVersion is what of a chart's NAME-VERSION is the version: names may have numbers and hyphens, too.
var chartVersion = regexp.MustCompile(`-(v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+].*)?)$`)

// named is what a revision says of its version at the place where versions are named.
func (s *step) named(r *revision) []string {
	switch s.s.VersionIn {
	case inAppVersion:
		return []string{r.AppVersion}
	case inChartVersion:
		if m := chartVersion.FindStringSubmatch(r.Chart); m != nil {
			return m[1:]
		}
		return nil
	}
	var names []string
	for _, i := range r.images {
		if s.s.Container == "" || i.container == s.s.Container {
			names = append(names, i.name)
		}
	}
	return names
}

// is tells whether a revision, whose images were asked for, carries a version.
func (s *step) is(r *revision, version string) bool {
	return slices.ContainsFunc(s.named(r), func(name string) bool {
		if s.s.VersionIn == inImage {
			return versions.OfImage(name, version)
		}
		return versions.Same(name, version)
	})
}

// words name a revision for people.
func (s *step) words(r *revision) string {
	about := []string{r.Chart}
	if names := s.named(r); len(names) > 0 && s.s.VersionIn != inChartVersion {
		about = append(about, names...)
	}
	if r.Status != deployed && r.Status != superseded {
		about = append(about, r.Status)
	}
	return fmt.Sprintf("%d (%s)", r.Number, strings.Join(about, ", "))
}

// all names revisions for people, newest first, bounded.
func (s *step) all(history []*revision) []string {
	const most = 10
	var out []string
	for _, r := range slices.Backward(history) {
		if len(out) == most {
			break
		}
		out = append(out, s.words(r))
	}
	return out
}

// objectsOf reads the objects of a manifest.
func objectsOf(manifest []byte) ([]any, error) {
	var all []any
	for in := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096); ; {
		var object any
		switch err := in.Decode(&object); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, object)
	}
}

// imagesOf reads the containers of all objects of a manifest.
func imagesOf(manifest []byte) ([]image, error) {
	objects, err := objectsOf(manifest)
	return containers(objects, nil), err
}

// rollbackHooks counts the objects of a manifest that are hooks of a rollback.
func rollbackHooks(manifest []byte) (int, error) {
	objects, err := objectsOf(manifest)
	n := 0
	for _, object := range objects {
		o, _ := object.(map[string]any)
		on, _, _ := unstructured.NestedString(o, "metadata", "annotations", "helm.sh/hook")
		if strings.Contains(on, "rollback") {
			n++
		}
	}
	return n, err
}

// containers finds, at any depth, what is under the key containers.
func containers(v any, all []image) []image {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			list, ok := below.([]any)
			if !ok || key != "containers" {
				all = containers(below, all)
				continue
			}
			for _, one := range list {
				c, _ := one.(map[string]any)
				name, _ := c["name"].(string)
				if of, ok := c["image"].(string); ok && !slices.Contains(all, image{name, of}) {
					all = append(all, image{name, of})
				}
			}
		}
	case []any:
		for _, one := range v {
			all = containers(one, all)
		}
	}
	return all
}

// changed names the values that differ between two revisions, and none of their contents: they may be secrets.
func changed(a, b map[string]any) []string {
	var keys []string
	var walk func(path string, a, b any)
	walk = func(path string, a, b any) {
		x, isX := a.(map[string]any)
		y, isY := b.(map[string]any)
		if !isX || !isY {
			if !reflect.DeepEqual(a, b) {
				keys = append(keys, path)
			}
			return
		}
		for key := range x {
			walk(strings.TrimPrefix(path+"."+key, "."), x[key], y[key])
		}
		for key := range y {
			if _, both := x[key]; !both {
				walk(strings.TrimPrefix(path+"."+key, "."), nil, y[key])
			}
		}
	}
	walk("", a, b)
	slices.Sort(keys)
	const most = 10
	if len(keys) > most {
		keys = append(keys[:most], fmt.Sprintf("… (%d)", len(keys)))
	}
	return keys
}
