package marketplace

import (
	"errors"
	"net/http"
	"time"
)

// Quota is what an answer's headers say of one quota. A nil number was not said.
type Quota struct {
	Policy    string         // the quota's name where it has one, such as daily
	Header    string         // the header that it was read from
	Limit     *float64       // requests (or points) in a window
	Remaining *float64       // what is left of it
	Reset     *time.Duration // until it is whole again, never negative
}

// Source names the headers of one quota; empty names are not read.
type Source struct {
	Policy    string
	UsedSize  string  // "32/40"
	Limit     string  // a number
	Remaining string  // a number
	Used      string  // a number
	Reset     string  // see ParseReset
	Size      float64 // the limit where no header says it; 0: unknown
}

// Validate tells what is missing.
func (s Source) Validate() error {
	if s.UsedSize == "" && s.Limit == "" && s.Remaining == "" && s.Used == "" {
		return errors.New("name at least one of the headers used_size, limit, remaining, used")
	}
	if s.Size < 0 {
		return errors.New("size is negative")
	}
	return nil
}

// UsedRatio gives the used share of the quota, 0 to 1, and whether it is known.
func (q Quota) UsedRatio() (float64, bool) {
	if q.Limit == nil || q.Remaining == nil || *q.Limit <= 0 {
		return 0, false
	}
	return min(max(1 - *q.Remaining / *q.Limit, 0), 1), true
}

// Quotas reads every quota that the headers tell of: from sources where given, otherwise in
// all the forms that are well known. What is malformed is ignored, never guessed.
func Quotas(h http.Header, sources []Source, now time.Time) []Quota { return nil }
