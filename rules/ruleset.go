package rules

import "math/bits"

// RuleSet is a set of rules of one group, by their index. The zero value is empty.
type RuleSet []uint64

// Add adds a rule.
func (s *RuleSet) Add(i int) {
	for len(*s) <= i/64 {
		*s = append(*s, 0)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

// AddAll adds the rules of another set.
func (s *RuleSet) AddAll(o RuleSet) {
	for len(*s) < len(o) {
		*s = append(*s, 0)
	}
	for i, word := range o {
		(*s)[i] |= word
	}
}

// Has reports whether a rule is in the set.
func (s RuleSet) Has(i int) bool { return i/64 < len(s) && s[i/64]&(1<<(i%64)) != 0 }

// Len gives the number of rules.
func (s RuleSet) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// And gives the rules that are in both sets.
func (s RuleSet) And(o RuleSet) RuleSet {
	var both RuleSet
	for i := range min(len(s), len(o)) {
		both = append(both, s[i]&o[i])
	}
	return both
}

// Without gives the rules that are not in the other set.
func (s RuleSet) Without(o RuleSet) RuleSet {
	rest := append(RuleSet(nil), s...)
	for i := range min(len(s), len(o)) {
		rest[i] &^= o[i]
	}
	return rest
}

// All gives the set of all rules of the group.
func (g *Group) All() RuleSet {
	var all RuleSet
	for i := range g.Rules {
		all.Add(i)
	}
	return all
}
