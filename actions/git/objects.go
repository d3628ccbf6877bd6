package git

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

const (
	// mostContent bounds what fetched objects hold, in bytes.
	mostContent = 128 << 20
	// mostFile bounds a file in which a version is looked for, in bytes.
	mostFile = 256 << 10
)

// objects are what was fetched of a repository, and what is made anew.
type objects struct {
	*memory.Storage
	size int64
	made []plumbing.Hash
}

func newObjects() *objects { return &objects{Storage: memory.NewStorage()} }

// SetEncodedObject keeps an object, within the bounds of all.
func (o *objects) SetEncodedObject(e plumbing.EncodedObject) (plumbing.Hash, error) {
	if o.size += e.Size(); o.size > mostContent {
		return plumbing.ZeroHash, errTooLarge
	}
	return o.Storage.SetEncodedObject(e)
}

// add keeps what a pack holds.
func (o *objects) add(pack []byte) error {
	p, err := packfile.NewParserWithStorage(packfile.NewScanner(bytes.NewReader(pack)), o)
	if err == nil {
		_, err = p.Parse()
	}
	return err
}

// encoder is a commit or a tree.
type encoder interface {
	Encode(o plumbing.EncodedObject) error
}

// create makes an object that the server does not have.
func (o *objects) create(e encoder) (plumbing.Hash, error) {
	raw := o.NewEncodedObject()
	if err := e.Encode(raw); err != nil {
		return plumbing.ZeroHash, err
	}
	hash, err := o.SetEncodedObject(raw)
	o.made = append(o.made, hash)
	return hash, err
}

// pack gives what was made in the form in which it is sent.
func (o *objects) pack() ([]byte, error) {
	var b bytes.Buffer
	_, err := packfile.NewEncoder(&b, o, false).Encode(o.made, 0)
	return b.Bytes(), err
}

// at gives what is at a path of a tree; zero: nothing.
func (o *objects) at(tree plumbing.Hash, path string) (object.TreeEntry, error) {
	found := object.TreeEntry{Mode: filemode.Dir, Hash: tree}
	if path == "" {
		return found, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if found.Mode != filemode.Dir {
			return object.TreeEntry{}, nil
		}
		t, err := object.GetTree(o, found.Hash)
		if err != nil {
			return found, fmt.Errorf("tree %s: %w", found.Hash, err)
		}
		i := slices.IndexFunc(t.Entries, func(e object.TreeEntry) bool { return e.Name == name })
		if i < 0 {
			return object.TreeEntry{}, nil
		}
		found = t.Entries[i]
	}
	return found, nil
}

// graft makes a tree that has the entry at the path, and gives its hash.
func (o *objects) graft(tree plumbing.Hash, path string, entry object.TreeEntry) (plumbing.Hash, error) {
	if path == "" {
		return entry.Hash, nil
	}
	var t object.Tree
	if !tree.IsZero() {
		old, err := object.GetTree(o, tree)
		if err != nil {
			return tree, fmt.Errorf("tree %s: %w", tree, err)
		}
		t.Entries = slices.Clone(old.Entries)
	}
	name, rest, deeper := strings.Cut(path, "/")
	i := slices.IndexFunc(t.Entries, func(e object.TreeEntry) bool { return e.Name == name })
	if deeper {
		var below plumbing.Hash
		if i >= 0 && t.Entries[i].Mode == filemode.Dir {
			below = t.Entries[i].Hash
		}
		hash, err := o.graft(below, rest, entry)
		if err != nil {
			return tree, err
		}
		entry = object.TreeEntry{Mode: filemode.Dir, Hash: hash}
	}
	entry.Name = name
	if i >= 0 {
		t.Entries[i] = entry
	} else {
		t.Entries = append(t.Entries, entry)
	}
	slices.SortFunc(t.Entries, func(a, b object.TreeEntry) int { return strings.Compare(sortKey(a), sortKey(b)) })
	return o.create(&t)
}

// sortKey is by what git sorts the entries of a tree: a folder as if its name ended with a slash.
func sortKey(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// changes gives the files that differ between two entries of a path.
func (o *objects) changes(path string, a, b object.TreeEntry) ([]string, error) {
	if a.Hash == b.Hash && a.Mode == b.Mode {
		return nil, nil
	}
	if a.Mode != filemode.Dir && b.Mode != filemode.Dir {
		return []string{path}, nil
	}
	var all []string
	names := map[string][2]object.TreeEntry{}
	for i, e := range []object.TreeEntry{a, b} {
		if e.Mode != filemode.Dir {
			if !e.Hash.IsZero() {
				all = append(all, path)
			}
			continue
		}
		t, err := object.GetTree(o, e.Hash)
		if err != nil {
			return nil, fmt.Errorf("tree %s: %w", e.Hash, err)
		}
		for _, child := range t.Entries {
			both := names[child.Name]
			both[i] = child
			names[child.Name] = both
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		below, err := o.changes(strings.TrimPrefix(path+"/"+name, "/"), names[name][0], names[name][1])
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// mostNamed is how many files, or commits, are named to people.
const mostNamed = 10

// named gives the first of many, in their order.
func named(all []string) []string {
	if len(all) <= mostNamed {
		return all
	}
	return append(slices.Clone(all[:mostNamed]), fmt.Sprintf("… (+%d)", len(all)-mostNamed))
}

// file reads a small file of a commit; "" when it is not there.
func (o *objects) file(c *object.Commit, path string) (string, error) {
	e, err := o.at(c.TreeHash, path)
	if err != nil || e.Hash.IsZero() || !e.Mode.IsFile() {
		return "", err
	}
	b, err := object.GetBlob(o, e.Hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return "", errTooLarge
	}
	if err != nil {
		return "", err
	}
	r, err := b.Reader()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(r, mostFile))
	return string(text), errors.Join(err, r.Close())
}
