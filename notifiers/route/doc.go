// Package route decides which receivers get a notice, with which others in one message, and
// what keeps it back: Alertmanager's routing tree, grouping, inhibition, time intervals and
// silences, over labels. Matchers and time intervals are Alertmanager's own packages.
//
// It delivers nothing, keeps nothing and imports no other package of the guardian. Start at
// Tree.Match.
package route
