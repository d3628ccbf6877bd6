package helm

import (
	"context"

	"guardian/actions"
)

// Sees implements actions.Sighted.
func (s *step) Sees() bool { return actions.ByVersion(s.s.Version) }

// Sight implements actions.Sighted: whether the release's newest revision carries the version, as helm's record
// says. What somebody changed past helm is not in it, and while somebody works on the release nobody can tell.
func (s *step) Sight(ctx context.Context, call actions.Call) (actions.Sight, error) {
	p, err := s.sight(ctx, call)
	if err != nil {
		return actions.Sight{}, s.redact(err)
	}
	return actions.Sight{Parts: []actions.Part{p}}, nil
}

func (s *step) sight(ctx context.Context, call actions.Call) (actions.Part, error) {
	t, err := s.look(call)
	if err != nil {
		return actions.Part{}, err
	}
	history, err := s.history(ctx, t)
	if err != nil {
		return actions.Part{}, err
	}
	now := last(history)
	is, err := s.carries(ctx, t, now, t.version)
	p := actions.Part{Name: t.name, Runs: s.words(now), Should: t.version, Fit: actions.Differs}
	switch {
	case now.pending():
		p.Fit = actions.NotKnown
	case is && now.Status == deployed:
		p.Fit = actions.Fits
	}
	return p, err
}
