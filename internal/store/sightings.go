package store

import (
	"cmp"
	"context"

	"guardian/actions"
	"guardian/internal/versions"
)

// sightingsRead is how many of a target's newest sightings are looked through for a version.
const sightingsRead = 500

func sightingsTable() table[actions.Sighting] {
	return table[actions.Sighting]{
		name: "sightings", key: []string{"service", "environment", "target", "placed"}, columns: []string{"at"},
		values: func(s actions.Sighting) []any {
			return []any{text(s.Service), text(s.Environment), text(s.Target), text(s.Placed), nanos(s.At)}
		},
	}
}

// Sighted implements actions.Sightings.
func (s *Store) Sighted(ctx context.Context, asked actions.Sighting) (actions.Sighting, bool, error) {
	q := &query{table: "sightings", order: "at DESC", limit: sightingsRead}
	is(q, "service", asked.Service)
	is(q, "environment", asked.Environment)
	is(q, "target", asked.Target)
	is(q, "placed", asked.Placed)
	if !asked.At.IsZero() {
		q.and("at < ?", nanos(asked.At))
	}
	all, err := list[actions.Sighting](ctx, s, q)
	if err != nil {
		return actions.Sighting{}, false, err
	}
	for _, one := range all {
		if versions.Same(one.Version, asked.Version) && cmp.Or(one.Kind, "code") == cmp.Or(asked.Kind, "code") {
			return one, true, nil
		}
	}
	return actions.Sighting{}, false, nil
}
