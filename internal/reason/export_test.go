package reason

// Fill puts values into a pattern that is in no list.
func (r Reader) Fill(pattern string, values map[string]Value) string {
	out, _ := r.fill(pattern, values)
	return out
}
