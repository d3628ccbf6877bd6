package decide

import (
	"context"
	"slices"
	"time"

	"guardian/internal/versions"
)

// shopsWith gives the shops that have a version: those of the deploy that is rolled back, and of the
// deploys of the same version right before it, shop by shop. None: all have it.
func (d Decider) shopsWith(ctx context.Context, l line, version string, shops []string, now time.Time) ([]string, error) {
	if len(shops) == 0 {
		return nil, nil
	}
	ran, _, err := d.releases(ctx, l, now)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(shops)
	for _, r := range slices.Backward(ran) {
		if !versions.Same(r.version, version) {
			break
		}
		if r.told {
			continue // an announcement only names it
		}
		if r.watched == nil || len(r.watched.Shops) == 0 {
			return nil, nil
		}
		all = append(all, r.watched.Shops...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
