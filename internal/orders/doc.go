// Package orders keeps the journal of the synthetic orders that checks of kind order_push create.
// An order that could not be cleaned up is notified in the transaction that records it as
// abandoned: from then on only a person can cancel it.
//
// When an order is pushed, cleaned up and abandoned is decided by the check. Start at Journal.
package orders
