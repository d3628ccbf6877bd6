package docker

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// What was changed in a container's own file system, beside its mounts, is in its writable layer,
// which goes with the container. Three kinds of changes are told apart:
//
//   - Files that nobody wrote since the container was started: they were there before, put in by
//     docker cp or by compose (configs, secrets). A restart would have found them, and so does the
//     new container: they are copied.
//   - What was written since and does not outlive a process by convention: /run, /tmp, caches, logs.
//     It goes.
//   - What else was written or deleted since, by the program or by people. The new container runs
//     another version, which may not understand it: it would be lost, and is named.

// layer is what was changed in a container's own file system.
type layer struct {
	kept []string // copied into the new container, folders before what is in them
	lost []string // neither kept nor without worth
}

// maxKept is how many files are copied into a new container. More were not put in by hand: a program
// that unpacks itself, or keeps its data there.
const maxKept = 100

// The kinds of changes that the engine tells.
const (
	changeAdded   = 1
	changeDeleted = 2
)

// layerOf reads what was changed in a container's own file system.
func (d *step) layerOf(ctx context.Context, c container) (layer, error) {
	changes, err := d.api.changes(ctx, c.ID)
	if err != nil {
		return layer{}, actions.Failure(reason.New("docker_changes", "container", c.name(), "error", actions.ReasonOf(err)), err)
	}
	changes = contents(c, changes)
	var out layer
	for i, ch := range changes {
		parent := i+1 < len(changes) && strings.HasPrefix(changes[i+1].Path, ch.Path+"/")
		if parent && ch.Kind != changeAdded {
			continue // something in the folder was changed
		}
		old, folder := false, parent
		if ch.Kind != changeDeleted && len(changes) <= maxKept {
			f, err := d.api.stat(ctx, c.ID, ch.Path)
			if errors.Is(err, errNoSuch) {
				continue // deleted meanwhile
			}
			if err != nil {
				return layer{}, actions.Failure(reason.New("docker_changes", "container", c.name(), "error", actions.ReasonOf(err)), err)
			}
			folder = f.Mode.IsDir()
			old = c.startedAt().IsZero() || f.Modified.Before(c.startedAt())
		}
		switch {
		case folder && ch.Kind != changeAdded: // something in it that is none of its contents
		case old, folder && parent:
			out.kept = append(out.kept, ch.Path)
		case !folder && !worthless(ch.Path):
			out.lost = append(out.lost, ch.Path)
		}
	}
	out.kept = withoutEmpty(out.kept, out.lost)
	return out, nil
}

// withoutEmpty leaves out folders of which nothing is kept but what is lost.
func withoutEmpty(kept, lost []string) []string {
	holds := func(folder string, of []string) bool {
		return slices.ContainsFunc(of, func(p string) bool { return strings.HasPrefix(p, folder+"/") })
	}
	return slices.DeleteFunc(slices.Clone(kept), func(p string) bool { return holds(p, lost) && !holds(p, kept) })
}

// startedAt is when a container was started last; zero: never.
func (c container) startedAt() time.Time {
	at, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	if err != nil || at.Year() < 1970 {
		return time.Time{}
	}
	return at
}

// contents leaves out the changes that the engine made itself, for mounts and networks, and sorts
// the others: a folder stands before what is in it. Of very many it leaves out the worthless ones.
func contents(c container, changes []change) []change {
	mounts := slices.Collect(maps.Keys(asObject(c.HostConfig["Tmpfs"])))
	for _, m := range c.Mounts {
		mounts = append(mounts, m.Destination)
	}
	for _, m := range asList(c.HostConfig["Mounts"]) {
		mounts = append(mounts, asText(asObject(m)["Target"]))
	}
	out := slices.DeleteFunc(slices.Clone(changes), func(ch change) bool {
		return engineMade.MatchString(ch.Path) || slices.ContainsFunc(mounts, func(m string) bool {
			// Also the folders above a mount.
			return m != "" && (ch.Path == m || strings.HasPrefix(ch.Path, m+"/") || strings.HasPrefix(m, ch.Path+"/"))
		})
	})
	if len(out) > maxKept {
		out = slices.DeleteFunc(out, func(ch change) bool { return worthless(ch.Path) })
	}
	slices.SortFunc(out, func(a, b change) int { return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/")) })
	return out
}

var (
	engineMade = regexp.MustCompile(`^/(?:dev|proc|sys)(?:/|$)|^/(?:\.dockerenv|etc/(?:hosts|hostname|resolv\.conf|mtab))$`)
	// shortLived matches what does not outlive a process, by the Filesystem Hierarchy Standard or by
	// convention: temporary files, caches, logs, histories of shells.
	shortLived = regexp.MustCompile(`^/(?:run|tmp|var/(?:run|tmp|lock|cache|log))(?:/|$)` +
		`|/(?:\.cache|__pycache__)(?:/|$)|\.(?:pid|sock|log|pyc)$|/\.[a-z]+_history$`)
)

// worthless tells whether nobody misses a file that was written while the container ran. Compose puts
// secrets into /run/secrets.
func worthless(file string) bool {
	return shortLived.MatchString(file) && !strings.HasPrefix(file, "/run/secrets/")
}

// accepts tells whether the configuration lets a file be lost.
func (d *step) accepts(file string) bool {
	return slices.ContainsFunc(d.s.AcceptLoss, func(pattern string) bool {
		if strings.HasSuffix(pattern, "/") {
			return strings.HasPrefix(file, pattern)
		}
		ok, _ := path.Match(pattern, file)
		return ok
	})
}

// copyKept copies files from a container into one that was not started yet.
func (d *step) copyKept(ctx context.Context, from *container, files []string, to string) error {
	if len(files) == 0 {
		return nil
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(d.pack(ctx, from.ID, files, w)) }()
	err := d.api.extract(ctx, to, r)
	_ = r.CloseWithError(err)
	if err != nil {
		return actions.Failure(reason.New("docker_copy", "container", from.name(), "files", fileList(files), "error", actions.ReasonOf(err)), err)
	}
	return nil
}

// pack writes files of a container as one archive.
func (d *step) pack(ctx context.Context, id string, files []string, out io.Writer) error {
	archive := tar.NewWriter(out)
	for _, f := range files {
		if err := d.packOne(ctx, id, f, archive); err != nil {
			return err
		}
	}
	return archive.Close()
}

func (d *step) packOne(ctx context.Context, id, file string, archive *tar.Writer) error {
	body, err := d.api.archive(ctx, id, file)
	if errors.Is(err, errNoSuch) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	// Of a folder the first entry alone: what is kept of its contents is in the list.
	from := tar.NewReader(body)
	h, err := from.Next()
	if err != nil {
		return actions.Failure(reason.New("docker_bad_answer", "error", err), err)
	}
	h.Name = strings.TrimPrefix(file, "/")
	if h.Typeflag == tar.TypeDir {
		h.Name += "/"
	}
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(archive, from)
	return err
}

// fileList names files for people, not more than they read.
func fileList(files []string) string {
	const most = 20
	if len(files) > most {
		files = append(slices.Clone(files[:most]), fmt.Sprintf("… (%d)", len(files)))
	}
	return strings.Join(files, ", ")
}

// change is one entry of a writable layer.
type change struct {
	Path string
	Kind int
}

// changes gives what was changed in a container's file system beside its mounts.
func (a *engineAPI) changes(ctx context.Context, id string) (all []change, err error) {
	err = a.call(ctx, apiRequest{method: http.MethodGet, path: "/containers/" + id + "/changes"}, &all)
	return all, err
}

// fileStat is what the engine tells of a file.
type fileStat struct {
	Mode     fs.FileMode `json:"mode"`
	Modified time.Time   `json:"mtime"`
}

func (a *engineAPI) stat(ctx context.Context, id, file string) (f fileStat, err error) {
	res, err := a.fileRequest(ctx, http.MethodHead, id, file)
	if err != nil {
		return f, err
	}
	_ = res.Body.Close()
	b, err := base64.StdEncoding.DecodeString(res.Header.Get("X-Docker-Container-Path-Stat"))
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		return f, actions.Failure(reason.New("docker_bad_answer", "error", err), err)
	}
	return f, nil
}

// archive gives a file or folder of a container as a tar archive.
func (a *engineAPI) archive(ctx context.Context, id, file string) (io.ReadCloser, error) {
	res, err := a.fileRequest(ctx, http.MethodGet, id, file)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

func (a *engineAPI) fileRequest(ctx context.Context, method, id, file string) (*http.Response, error) {
	if err := a.connect(ctx); err != nil {
		return nil, err
	}
	return a.open(ctx, a.base, apiRequest{method: method, path: "/containers/" + id + "/archive", query: url.Values{"path": {file}}})
}

// extract unpacks a tar archive in a container.
func (a *engineAPI) extract(ctx context.Context, id string, archive io.Reader) error {
	return a.call(ctx, apiRequest{
		method: http.MethodPut, path: "/containers/" + id + "/archive", query: url.Values{"path": {"/"}, "noOverwriteDirNonDir": {"1"}}, tar: archive,
	}, nil)
}
