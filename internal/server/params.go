package server

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"guardian/internal/spelling"
)

// anything is the parameters of a route that speaks a protocol of others: theirs are not ours to refuse.
const anything = "*"

// paramsError is a query with parameters that the route does not take.
type paramsError struct{ fields []FieldError }

func (e *paramsError) Error() string { return (&InvalidError{Fields: e.fields}).Error() }

// checkParams refuses a query with a parameter that the route does not take, that is given twice, or that
// cannot be read: what is ignored would make the answer look like one to another question.
func checkParams(r *http.Request, takes []string) error {
	if slices.Contains(takes, anything) {
		return nil
	}
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &statusError{http.StatusBadRequest, "the query cannot be read: encode what stands behind the ?, as curl -G --data-urlencode does"}
	}
	var wrong []FieldError
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case !slices.Contains(takes, name):
			wrong = append(wrong, FieldError{"?" + clipped(name), unknownParam(name, takes)})
		case len(given[name]) > 1:
			wrong = append(wrong, FieldError{"?" + name, fmt.Sprintf("is given %d times: give it once", len(given[name]))})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &paramsError{wrong}
}

func unknownParam(name string, takes []string) string {
	if len(takes) == 0 {
		return "is not known: this call takes no query parameters"
	}
	return "is not known; " + spelling.Hint(name, takes)
}

// clipped shortens a name that is told back.
func clipped(name string) string {
	const most = 60
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}
