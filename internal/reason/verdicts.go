package reason

// verdictWords are the codes of what watches, rules and gates say.
func verdictWords(code string) (Words, bool) {
	switch code {
	default:
		return Words{}, false
	}
}
