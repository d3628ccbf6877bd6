package store

import (
	"context"
	"time"

	"guardian/actions"
	"guardian/watch"
)

// Plan is what a Failed verdict of a watch led to, or in mode observe would have.
type Plan struct {
	Watch   string `json:"watch"`
	Service string `json:"service"`
	actions.Plan
	Mode watch.Mode `json:"mode"`
	At   time.Time  `json:"at"`
}

// Mark is what a person thinks of the verdict of a watch; the last one counts.
type Mark struct {
	Watch   string `json:"watch"`
	Service string `json:"service"`
	watch.Mark
}

func plansTable() table[Plan] {
	return table[Plan]{
		name: "plans", key: []string{"watch"}, columns: []string{"service", "at"},
		values: func(p Plan) []any { return []any{text(p.Watch), text(p.Service), nanos(p.At)} },
	}
}

func marksTable() table[Mark] {
	return table[Mark]{
		name: "marks", key: []string{"watch"}, columns: []string{"service", "at"},
		values: func(m Mark) []any { return []any{text(m.Watch), text(m.Service), nanos(m.At)} },
	}
}

// Plans returns what Failed verdicts since a time led to, by watch, at most MaxLimit of them;
// watch and service may be "".
func (s *Store) Plans(ctx context.Context, watchID, service string, since time.Time) (map[string]Plan, error) {
	all, err := ofWatches[Plan](ctx, s, "plans", watchID, service, since)
	byWatch := make(map[string]Plan, len(all))
	for _, p := range all {
		byWatch[p.Watch] = p
	}
	return byWatch, err
}

// Marks returns what people said about verdicts since a time, like Plans.
func (s *Store) Marks(ctx context.Context, watchID, service string, since time.Time) (map[string]Mark, error) {
	all, err := ofWatches[Mark](ctx, s, "marks", watchID, service, since)
	byWatch := make(map[string]Mark, len(all))
	for _, m := range all {
		byWatch[m.Watch] = m
	}
	return byWatch, err
}

func ofWatches[T any](ctx context.Context, s *Store, table, watchID, service string, since time.Time) ([]T, error) {
	q := &query{table: table, order: "at DESC, watch DESC"}
	is(q, "watch", watchID)
	is(q, "service", service)
	q.between("at", since, time.Time{})
	q.atMost(MaxLimit)
	return list[T](ctx, s, q)
}
