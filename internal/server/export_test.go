package server

import (
	"fmt"
	"time"
)

// Texts gives the table of each language to the tests.
func Texts() map[string]map[string]string {
	return map[string]map[string]string{"en": english(), "zh": chinese()}
}

// Say says one thing in a language, as the pages do.
func Say(lang string, now time.Time, thing any) string {
	w := locale{lang: lang, texts: Texts()[lang], loc: time.UTC, now: func() time.Time { return now }}
	switch v := thing.(type) {
	case time.Duration:
		return w.Length(v)
	case time.Time:
		return w.relative(v)
	case float64:
		return w.Percent(v)
	default:
		return fmt.Sprint(v)
	}
}
