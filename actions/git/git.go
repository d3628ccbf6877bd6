package git

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"guardian/actions"
	"guardian/internal/reason"
)

// mostTries is how often a commit is made anew because the branch moved on meanwhile.
const mostTries = 3

// Do pushes the commit that puts the path back. When the path is so already, it pushes none.
func (g *step) Do(ctx context.Context, call actions.Call) (string, error) {
	var out actions.Clip
	err := g.putBack(ctx, call, &out)
	return out.Text(g.env.Redactor, &g.local), g.redactError(err)
}

func (g *step) putBack(ctx context.Context, call actions.Call, out *actions.Clip) error {
	v, s, err := g.begin(ctx, call)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for try := 1; ; try++ {
		err := g.try(ctx, s, v, attempt{call, out})
		if !errors.Is(err, errMoved) {
			return err
		}
		if try == mostTries {
			return actions.Failure(reason.New("git_moved", "branch", v.branch.Short(), "tries", try))
		}
	}
}

// begin fills the templates in and reaches the server.
func (g *step) begin(ctx context.Context, call actions.Call) (values, server, error) {
	v, err := g.fill(call)
	if err != nil {
		return v, nil, err
	}
	if err := ctx.Err(); err != nil {
		return v, nil, g.broken(err)
	}
	s, err := g.connect(ctx)
	return v, s, err
}

// attempt is one attempt of a step.
type attempt struct {
	call actions.Call
	out  *actions.Clip
}

func (a attempt) say(why reason.Reason) { _, _ = a.out.Write([]byte(why.String() + "\n")) }

// try fetches, commits and pushes once. errMoved says that the branch moved on, and nothing happened.
func (g *step) try(ctx context.Context, s server, v values, a attempt) error {
	h, err := g.look(ctx, s, v, v.revisions()...)
	if err != nil {
		return err
	}
	before, _, err := h.ofIntent(a.call.Intent, time.Time{})
	if err != nil {
		return g.broken(err)
	}
	if before != nil {
		a.say(reason.New("git_happened", "branch", v.branch.Short(), "commit", short(before)))
		return nil
	}
	p, err := h.decide(v)
	if err != nil {
		return err
	}
	a.say(p.words(v, h))
	if p.already {
		return nil
	}
	pack, commit, err := h.build(v, p, a.call)
	if err != nil {
		return g.broken(err)
	}
	said, err := g.push(ctx, s, &packp.Command{Name: v.branch, Old: h.head.Hash, New: commit.Hash}, pack)
	if said = strings.TrimSpace(said); said != "" {
		_, _ = a.out.Write([]byte(said + "\n"))
	}
	switch {
	case errors.Is(err, errRefused):
		return g.refused(ctx, s, v, refusal{h.head, err, said})
	case err != nil:
		return err
	}
	a.say(reason.New("git_pushed", "branch", v.branch.Short(), "commit", short(commit)))
	return nil
}

// refusal is what a server said to a push that it did not take.
type refusal struct {
	head *object.Commit // where the branch was
	err  error
	said string
}

// refused tells a branch that moved on from a server that does not want the commit.
func (g *step) refused(ctx context.Context, s server, v values, r refusal) error {
	if h, err := g.look(ctx, s, v); err == nil && h.head.Hash != r.head.Hash {
		return errMoved
	}
	return actions.Failure(reason.New("git_refused", "host", g.host(), "branch", v.branch.Short(), "error", actions.ReasonOf(r.err), "said", r.said), r.err)
}

// Status looks for the commit of the intent. That it is not there counts when it is not there a while
// later either: a push may still be under way.
func (g *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	outcome, detail, err := g.status(ctx, call)
	if outcome == actions.NotHappened && err == nil && g.s.Settle > 0 {
		t := time.NewTimer(time.Duration(g.s.Settle))
		defer t.Stop()
		select {
		case <-t.C:
			outcome, detail, err = g.status(ctx, call)
		case <-ctx.Done():
			outcome = actions.Pending
		}
	}
	return outcome, detail.Redact(g.shown), g.redactError(err)
}

func (g *step) status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	none := reason.Reason{}
	v, s, err := g.begin(ctx, call)
	if err != nil {
		return actions.Unclear, none, err
	}
	defer func() { _ = s.Close() }()
	v.file = "" // the messages of commits are enough
	h, err := g.look(ctx, s, v)
	if err != nil {
		return actions.Unclear, none, err
	}
	commit, covers, err := h.ofIntent(call.Intent, call.Step.Started)
	switch {
	case err != nil:
		return actions.Unclear, none, g.broken(err)
	case commit != nil:
		return actions.Happened, reason.New("git_happened", "branch", v.branch.Short(), "commit", short(commit)), nil
	case !covers:
		return actions.Unclear, reason.New("git_history_short", "branch", v.branch.Short(), "commits", g.s.History), nil
	default:
		return actions.NotHappened, reason.New("git_not_happened", "branch", v.branch.Short()), nil
	}
}

// Plan implements actions.Planner.
func (g *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	none := reason.Reason{}
	v, s, err := g.begin(ctx, call)
	if err != nil {
		return none, g.redactError(err)
	}
	defer func() { _ = s.Close() }()
	h, err := g.look(ctx, s, v, v.revisions()...)
	if err != nil {
		return none, g.redactError(err)
	}
	p, err := h.decide(v)
	if err != nil {
		return none, g.redactError(err)
	}
	return p.words(v, h).Redact(g.shown), nil
}

// revisions are the tags and commits that the versions are.
func (v values) revisions() []string {
	if v.file != "" {
		return nil
	}
	return []string{v.good, v.bad}
}

// whole names the path for people.
func (v values) whole() string { return "/" + v.path }

// decision is what is to be done.
type decision struct {
	good    *object.Commit
	entry   object.TreeEntry // what the path shall be
	already bool             // it is so
	files   []string         // that would change
}

func (p decision) words(v values, h *history) reason.Reason {
	code := "git_plan"
	if p.already {
		code = "git_already"
	}
	return reason.New(code, "path", v.whole(), "branch", v.branch.Short(), "head", short(h.head), "commit", short(p.good), "files", named(p.files), "count", len(p.files))
}

// decide says what is to be done, or why nothing may be: what others changed since the bad version
// stays.
func (h *history) decide(v values) (p decision, err error) {
	var bad *object.Commit
	var badErr error
	if v.file != "" {
		p.good, err = h.find(v.file, v.good, false)
		bad, badErr = h.find(v.file, v.bad, true)
	} else {
		p.good, err = h.commit(v.good)
		bad, badErr = h.commit(v.bad)
	}
	if err != nil {
		return p, err
	}
	now, err := h.o.at(h.head.TreeHash, v.path)
	if err != nil {
		return p, h.g.broken(err)
	}
	if p.entry, err = h.o.at(p.good.TreeHash, v.path); err != nil {
		return p, h.g.broken(err)
	}
	switch p.already = p.entry == now; {
	case p.entry.Hash.IsZero():
		return p, actions.Failure(reason.New("git_no_path", "path", v.whole(), "commit", short(p.good)))
	case p.already:
		return p, nil
	case badErr != nil:
		return p, actions.Failure(reason.New("git_no_bad", "error", actions.ReasonOf(badErr)))
	}
	was, err := h.o.at(bad.TreeHash, v.path)
	if err == nil && was != now {
		var by []string
		if by, err = h.changed(bad, v.path); err == nil {
			return p, actions.Failure(reason.New("git_conflict", "path", v.whole(), "branch", v.branch.Short(), "bad", short(bad), "commits", named(by)))
		}
	}
	if err == nil {
		p.files, err = h.o.changes(v.path, now, p.entry)
	}
	if err != nil {
		return p, h.g.broken(err)
	}
	return p, nil
}

// build makes the commit that follows the head of the branch, and the pack with all that is new.
func (h *history) build(v values, p decision, call actions.Call) ([]byte, *object.Commit, error) {
	tree, err := h.o.graft(h.head.TreeHash, v.path, p.entry)
	if err != nil {
		return nil, nil, err
	}
	by := object.Signature{Name: h.g.s.Author.Name, Email: h.g.s.Author.Email, When: h.g.env.Now().UTC()}
	c := &object.Commit{
		Author: by, Committer: by, TreeHash: tree, ParentHashes: []plumbing.Hash{h.head.Hash},
		Message: h.g.commitMessage(v, p, call),
	}
	if c.Hash, err = h.o.create(c); err != nil {
		return nil, nil, err
	}
	pack, err := h.o.pack()
	return pack, c, err
}

// commitMessage is the message of the commit: without secrets, and with no other trailer of ours.
func (g *step) commitMessage(v values, p decision, call actions.Call) string {
	text := v.message
	if strings.TrimSpace(text) == "" {
		what := v.path
		if what == "" {
			what = "everything"
		}
		to := v.to
		if to == "" {
			to = p.good.Hash.String()[:10]
		}
		text = "Put " + what + " back to " + to + "\n\n" + call.Run.Trigger.Reason.String()
	}
	lines := slices.DeleteFunc(strings.Split(g.shown(text), "\n"), func(line string) bool { return strings.HasPrefix(line, trailer) })
	return strings.TrimSpace(strings.Join(lines, "\n")) + "\n\n" + trailer + call.Intent + "\n"
}

func (g *step) shown(text string) string { return actions.Shown(text, g.env.Redactor, &g.local) }

func (g *step) redactError(err error) error {
	return actions.RedactError(err, g.env.Redactor, &g.local)
}
