package reason

// runWords are the codes of what guards, runs and their steps say.
func runWords(code string) (Words, bool) {
	switch code {
	default:
		return Words{}, false
	}
}
