package notifiers

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lateAfter is after how long a message says when its notice was written: what it says of how long
// something lasts is of that time.
const lateAfter = time.Minute

// circumstances are facts about the way of a batch: that it is late, and in place of which receivers it is
// sent.
func circumstances(batch []Delivery, now time.Time) (facts []Fact) {
	written := batch[0].Notice.Created
	var from []string
	for _, d := range batch {
		written = earlier(written, d.Notice.Created)
		for _, name := range d.MovedFrom {
			if !slices.Contains(from, name) {
				from = append(from, name)
			}
		}
	}
	w := wordsOf(batch[0].Notice.Lang)
	if age := now.Sub(written); !written.IsZero() && age >= lateAfter {
		facts = append(facts, Fact{Name: w.late, Value: fmt.Sprintf(w.writtenAgo, int(age/time.Minute))})
	}
	if len(from) > 0 {
		facts = append(facts, Fact{Name: w.sentHere, Value: fmt.Sprintf(w.notTaken, strings.Join(from, w.comma))})
	}
	return facts
}
