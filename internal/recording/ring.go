package recording

import "slices"

// ring has the last values that were added to it.
type ring[T any] struct {
	values []T
	next   int // the place of the oldest, once it is full
}

// add adds a value in the place of the oldest when there are most already.
func (r *ring[T]) add(v T, most int) {
	if len(r.values) > most || len(r.values) < most && r.next > 0 { // most is another one than before
		all := r.inOrder()
		r.values, r.next = all[max(len(all)-most, 0):], 0
	}
	if len(r.values) < most {
		r.values = append(r.values, v)
		return
	}
	r.values[r.next] = v
	r.next = (r.next + 1) % most
}

// inOrder gives a copy, oldest first.
func (r *ring[T]) inOrder() []T { return slices.Concat(r.values[r.next:], r.values[:r.next]) }
