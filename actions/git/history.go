package git

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"guardian/actions"
	"guardian/internal/reason"
)

// history is what was fetched of a repository: the last commits of a branch, and the commits of
// versions.
type history struct {
	g    *step
	o    *objects
	refs *packp.AdvRefs
	head *object.Commit
}

// look fetches the branch, and the commits that revisions name.
func (g *step) look(ctx context.Context, s server, v values, revisions ...string) (*history, error) {
	t, refs, err := g.listen(ctx, s, transport.UploadPackServiceName)
	if err != nil {
		return nil, err
	}
	h := &history{g: g, o: newObjects(), refs: refs}
	head, ok := refs.References[v.branch.String()]
	if !ok {
		return nil, errors.Join(actions.Failure(reason.New("git_no_branch", "host", g.host(), "branch", v.branch.Short())), t.Close())
	}
	w := want{hashes: []plumbing.Hash{head}, depth: g.s.History, files: v.file != ""}
	for _, r := range revisions {
		if hash, ok := refs.References[tagName(r)]; ok {
			w.hashes = append(w.hashes, hash)
		}
	}
	if err := h.fetch(ctx, t, w); err != nil {
		return nil, err
	}
	if h.head, err = object.GetCommit(h.o, head); err != nil {
		return nil, g.broken(err)
	}
	return h, h.fetchCommits(ctx, s, revisions)
}

// fetch adds what a conversation gives to the objects, and ends it.
func (h *history) fetch(ctx context.Context, t talk, w want) error {
	pack, err := h.g.fetch(ctx, t, h.refs, w)
	_ = t.Close()
	if err == nil {
		err = h.o.add(pack)
	}
	switch {
	case errors.Is(err, errTooLarge):
		return actions.Failure(reason.New("git_too_large", "host", h.g.host(), "commits", w.depth, "limit", mostPack>>20))
	case err != nil && len(pack) > 0:
		return h.g.broken(err)
	}
	return err
}

// broken words an error of what a server sent.
func (g *step) broken(err error) error {
	return actions.Failure(reason.New("git_read", "host", g.host(), "error", err))
}

// fetchCommits fetches commits that are named in full, and are older than what was fetched, from
// servers that give them.
func (h *history) fetchCommits(ctx context.Context, s server, revisions []string) error {
	if !h.refs.Capabilities.Supports(capability.AllowReachableSHA1InWant) {
		return nil
	}
	for _, r := range revisions {
		name := strings.TrimRight(r, "^")
		hash := plumbing.NewHash(name)
		if !plumbing.IsHash(name) || h.o.HasEncodedObject(hash) == nil {
			continue
		}
		t, _, err := h.g.listen(ctx, s, transport.UploadPackServiceName)
		if err != nil {
			return err
		}
		// What the server does not have is told when the revision is looked for.
		if err := h.fetch(ctx, t, want{hashes: []plumbing.Hash{hash}, depth: 1 + strings.Count(r, "^")}); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func tagName(revision string) string { return "refs/tags/" + strings.TrimRight(revision, "^") }

// shortHash is a commit of which at least the beginning is named.
var shortHash = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// commit gives the commit that a revision names: a tag, or a hash or its beginning, each with a ^ for
// each step back.
func (h *history) commit(revision string) (*object.Commit, error) {
	name := strings.TrimRight(revision, "^")
	var found []plumbing.Hash
	if hash, ok := h.refs.References[tagName(name)]; ok {
		if peeled, ok := h.refs.Peeled[tagName(name)]; ok {
			hash = peeled
		}
		found = append(found, hash)
	} else if shortHash.MatchString(name) {
		for hash := range h.o.Commits {
			if strings.HasPrefix(hash.String(), name) {
				found = append(found, hash)
			}
		}
	}
	if len(found) > 1 {
		return nil, actions.Failure(reason.New("git_ambiguous", "revision", name))
	}
	if len(found) == 0 {
		return nil, actions.Failure(reason.New("git_no_revision", "host", h.g.host(), "revision", revision, "commits", h.g.s.History))
	}
	c, err := object.GetCommit(h.o, found[0])
	for range strings.Count(revision, "^") {
		if err == nil {
			c, err = h.parent(c)
		}
	}
	if err != nil || c == nil {
		return nil, actions.Failure(reason.New("git_no_revision", "host", h.g.host(), "revision", revision, "commits", h.g.s.History))
	}
	return c, nil
}

// parent gives the first parent of a commit. It is nil when there is none; the error is
// plumbing.ErrObjectNotFound when it is older than what was fetched.
func (h *history) parent(c *object.Commit) (*object.Commit, error) {
	if len(c.ParentHashes) == 0 {
		return nil, nil
	}
	return object.GetCommit(h.o, c.ParentHashes[0])
}

// find gives the last commit of the branch in which a file has a text; with begin, the one in which it
// got it.
func (h *history) find(file, text string, begin bool) (*object.Commit, error) {
	none := actions.Failure(reason.New("git_not_found", "branch", h.g.s.Branch, "file", file, "text", text, "commits", h.g.s.History))
	var found *object.Commit
	for c := h.head; c != nil; {
		content, err := h.o.file(c, file)
		switch has := holds(content, text); {
		case err != nil:
			return nil, actions.Failure(reason.New("git_file", "file", file, "commit", short(c), "error", err))
		case has && !begin:
			return c, nil
		case has:
			found = c
		case found != nil:
			return found, nil
		}
		if c, err = h.parent(c); err != nil {
			return nil, none // it may have got it before what was fetched
		}
	}
	if found == nil {
		return nil, none
	}
	return found, nil
}

// holds tells whether a text is in a file, and not as a part of a longer version.
func holds(content, text string) bool {
	inVersion := func(s string) bool { return s != "" && (actions.ValidVersion("v" + s)) }
	for at := 0; text != ""; {
		i := strings.Index(content[at:], text)
		if i < 0 {
			return false
		}
		begin, end := at+i, at+i+len(text)
		if !inVersion(content[max(0, begin-1):begin]) && !inVersion(content[end:min(len(content), end+1)]) {
			return true
		}
		at = end
	}
	return false
}

// trailer is the line by which a step's commit is found.
const trailer = "Guardian-Intent: "

// ofIntent gives the commit that a step pushed; nil: there is none. covers tells whether one since a time
// would have been seen.
func (h *history) ofIntent(intent string, since time.Time) (found *object.Commit, covers bool, err error) {
	covers = true
	err = object.NewCommitPreorderIter(h.head, nil, h.older(func(at time.Time) {
		// The clocks of those who commit are not ours.
		covers = covers && at.Before(since.Add(-time.Hour))
	})).ForEach(func(c *object.Commit) error {
		if slices.Contains(strings.Split(c.Message, "\n"), trailer+intent) {
			found = c
			return storer.ErrStop
		}
		return nil
	})
	return found, covers, err
}

// older gives the commits that were not fetched, and tells when the ones after them were made.
func (h *history) older(edge func(time.Time)) []plumbing.Hash {
	var missing []plumbing.Hash
	for hash := range h.o.Commits {
		c, err := object.GetCommit(h.o, hash)
		if err != nil {
			continue
		}
		for _, p := range c.ParentHashes {
			if h.o.HasEncodedObject(p) != nil {
				missing = append(missing, p)
				edge(c.Committer.When)
			}
		}
	}
	return missing
}

// changed gives the commits of the branch, since one of them, that changed a path.
func (h *history) changed(since *object.Commit, path string) ([]string, error) {
	var all []string
	for c := h.head; c.Hash != since.Hash; {
		before, err := h.parent(c)
		if errors.Is(err, plumbing.ErrObjectNotFound) || err == nil && before == nil {
			break
		}
		now, e1 := h.o.at(c.TreeHash, path)
		was, e2 := h.o.at(before.TreeHash, path)
		if err := cmp.Or(err, e1, e2); err != nil {
			return nil, err
		}
		if now != was {
			all = append(all, short(c))
		}
		c = before
	}
	return all, nil
}

// short names a commit for people.
func short(c *object.Commit) string {
	title, _, _ := strings.Cut(c.Message, "\n")
	const long = 72
	if r := []rune(title); len(r) > long {
		title = string(r[:long]) + "…"
	}
	return c.Hash.String()[:10] + " (" + title + ")"
}
