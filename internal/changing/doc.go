// Package changing writes down what people and runbooks change while the guardian runs: kill
// switches, maintenance and freezes. Each change is one transaction of the leader with its line for
// the list of what happened and the notice about it.
//
// Whether a change may be made, and what it means, is decided by those who keep them, in packages
// flags and windows. Start at Changes.
package changing
