package reason

// journalWords are the codes of lines of the journal, and the guardian itself.
func journalWords(code string) (Words, bool) {
	switch code {
	default:
		return Words{}, false
	}
}
