package marketplace

// ReasonCodes gives the codes of the reasons of a platform's documented errors.
func ReasonCodes(p Platform) []string {
	codes := make([]string, len(p.codes))
	for i, k := range p.codes {
		codes[i] = k.why
	}
	return codes
}
