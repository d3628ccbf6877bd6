// Package route decides who is told what: Alertmanager's routing tree over a notice's
// labels.
//
// It will not deliver and imports nothing of ours. Start at Tree.Match.
package route
