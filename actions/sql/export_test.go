package sql

// Split gives the texts of the statements in a text.
func Split(driver, text string) (texts []string, err error) {
	all, err := split(driver, text)
	for _, s := range all {
		texts = append(texts, s.text)
	}
	return texts, err
}

// Accept tells whether a number of rows is as it must be.
func Accept(r Rows, n int64) bool { return r.accept(n) }
