package spelling

import (
	"fmt"
	"math"
	"strings"
)

// Meant gives the known name that was probably meant, or "". At most a third of the letters may differ,
// and one of a short name: beyond that a guess misleads.
func Meant(name string, known []string) string {
	return nearest(name, known, min(max(1, len(name)/3)+1, len(name)))
}

// Nearest gives the known name that is most like another one, however little that is; "": none is known.
func Nearest(name string, known []string) string {
	return nearest(name, known, math.MaxInt)
}

// mostShown is how many known names a hint lists.
const mostShown = 24

// Hint says which known name was probably meant, and lists them.
func Hint(name string, known []string) string {
	meant := ""
	if near := Meant(name, known); near != "" {
		meant = fmt.Sprintf("did you mean %q? ", near)
	}
	switch {
	case len(known) == 0:
		return "there are none"
	case len(known) == 1 && meant != "":
		return fmt.Sprintf("did you mean %q?", known[0])
	case len(known) == 1:
		return "known is " + known[0]
	case len(known) > mostShown:
		return meant + "known are " + strings.Join(known[:mostShown], ", ") + " and others"
	default:
		return meant + "known are " + strings.Join(known, ", ")
	}
}

// nearest gives the first of the names with the smallest distance below a limit; "": there is none.
func nearest(name string, known []string, below int) (best string) {
	name = strings.ToLower(name)
	for _, k := range known {
		// The distance is at least the difference in length.
		if d := len(k) - len(name); d >= below || -d >= below {
			continue
		}
		if d := distance(name, strings.ToLower(k)); d < below {
			best, below = k, d
		}
	}
	return best
}

// distance is the number of inserted, deleted, replaced or transposed bytes between a and b
// (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
