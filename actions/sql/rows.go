package sql

import (
	"cmp"
	"encoding"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Rows is how many rows a statement must find: 12, >=1, <5 or 1-20. The empty one accepts any number.
type Rows string

var (
	_ encoding.TextUnmarshaler = (*Rows)(nil)
	_ encoding.TextMarshaler   = Rows("")
)

var rowsForm = regexp.MustCompile(`^(?:(>=|>|<=|<|)\s*(\d{1,18})|(\d{1,18})\s*-\s*(\d{1,18}))$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Rows) UnmarshalText(b []byte) error {
	*r = Rows(strings.TrimSpace(string(b)))
	switch from, to, ok := r.limits(); {
	case !ok:
		return fmt.Errorf("%q is not one of the forms 12, \">=1\", \"<5\", 1-20", string(*r))
	case from > to:
		return fmt.Errorf("%q accepts no number", string(*r))
	}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (r Rows) MarshalText() ([]byte, error) { return []byte(r), nil }

// limits gives the smallest and the largest number that is accepted.
func (r Rows) limits() (from, to int64, ok bool) {
	m := rowsForm.FindStringSubmatch(string(r))
	if m == nil {
		return 0, 0, false
	}
	n, _ := strconv.ParseInt(cmp.Or(m[2], m[3]), 10, 64) // 18 digits always fit
	switch {
	case m[4] != "":
		to, _ = strconv.ParseInt(m[4], 10, 64)
		return n, to, true
	case m[1] == ">=":
		return n, math.MaxInt64, true
	case m[1] == ">":
		return n + 1, math.MaxInt64, true
	case m[1] == "<=":
		return 0, n, true
	case m[1] == "<":
		return 0, n - 1, true
	default:
		return n, n, true
	}
}

// accept tells whether a number of rows is as it must be.
func (r Rows) accept(n int64) bool {
	from, to, ok := r.limits()
	return !ok || from <= n && n <= to
}
