// Package alerting evaluates the rules while this guardian leads: one goroutine for each group,
// at its interval and when samples arrive that it reads. It records alerts with the notices
// about them, repeats notices, starts the runbooks that alerts are bound to, hands alerts to
// the watches, and notifies people of checks that cannot look.
//
// When an alert fires stands in package rules; who is notified, when again, and which run an
// alert starts in package decide. Start at Alerts.
package alerting
