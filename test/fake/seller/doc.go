// Package seller is a seller's system to which marketplaces push their orders: it verifies
// what it gets, keeps orders, shows them and takes them away, and does each of that wrong
// where a test says so.
//
// It is for tests, without network. Start at New.
package seller
