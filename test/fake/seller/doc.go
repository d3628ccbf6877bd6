// Package seller is a fake of a seller's order system, to which marketplaces push their orders: it
// verifies pushes, stores, returns and deletes orders, and can be made to do each of these wrong.
//
// It is for tests, without network. Start at New.
package seller
