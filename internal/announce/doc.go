// Package announce renders facts (alerts, verdicts, runs, blindness) as notices, in Chinese and
// English.
//
// Every method of a Renderer takes facts and the time, and gives a notifiers.Notice. The labels
// by which an alert is routed and silenced do not depend on its text: see decide.AlertLabels. The
// package will not route or send. Start at Renderer.
package announce
