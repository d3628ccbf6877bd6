// Package notifiertest is the contract of notifiers.Channel as a test, and an outbox in
// memory that can be made to fail.
//
// Only tests import it. Start at Run.
package notifiertest
