// Package notifiertest has a test suite for implementations of notifiers.Channel, and an
// outbox in memory that can be made to fail.
//
// Only tests import it. Start at Run.
package notifiertest
