package reason

// checkWords are the codes of why a check is down or cannot look.
func checkWords(code string) (Words, bool) {
	switch code {
	default:
		return Words{}, false
	}
}
