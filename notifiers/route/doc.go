// Package route decides which receivers get a notice: Alertmanager's routing tree, time
// intervals and silences, over a notice's labels.
//
// It delivers nothing and imports no other package of the guardian. Start at Tree.Match.
package route
