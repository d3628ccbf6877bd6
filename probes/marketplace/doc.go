// Package marketplace knows what marketplaces say about quota in their answers' headers.
//
// It is pure: bytes and headers in, facts out. Start at Quota.
package marketplace
