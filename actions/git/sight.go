package git

import (
	"context"

	"guardian/actions"
)

// Sees implements actions.Sighted.
func (g *step) Sees() bool { return g.s.Find != nil || actions.ByVersion(g.s.Revision) }

// Sight implements actions.Sighted: whether the path is what it is in the version's commit.
func (g *step) Sight(ctx context.Context, call actions.Call) (actions.Sight, error) {
	p, err := g.sight(ctx, call)
	if err != nil {
		return actions.Sight{}, g.redactError(err)
	}
	return actions.Sight{Parts: []actions.Part{p}}, nil
}

func (g *step) sight(ctx context.Context, call actions.Call) (actions.Part, error) {
	v, s, err := g.begin(ctx, call)
	if err != nil {
		return actions.Part{}, err
	}
	defer func() { _ = s.Close() }()
	h, err := g.look(ctx, s, v, v.revisions()...)
	if err != nil {
		return actions.Part{}, err
	}
	good, err := h.commit(v.good)
	if v.file != "" {
		good, err = h.find(v.file, v.good, false)
	}
	if err != nil {
		return actions.Part{}, err
	}
	now, err := h.o.at(h.head.TreeHash, v.path)
	if err != nil {
		return actions.Part{}, g.broken(err)
	}
	should, err := h.o.at(good.TreeHash, v.path)
	if err != nil {
		return actions.Part{}, g.broken(err)
	}
	p := actions.Part{Name: v.branch.Short() + ":" + v.whole(), Runs: short(h.head), Should: short(good), Fit: actions.Differs}
	if now == should {
		p.Fit = actions.Fits
	}
	return p, nil
}
