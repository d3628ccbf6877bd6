// Package marketplace has fakes of ten marketplaces' APIs that enforce their vendors' rules:
// signatures, clock skew, tokens that expire, token buckets and daily quotas with the headers and
// bodies that report them, orders, and pushes about orders. AmazonCases are the requests that
// Amazon's sandbox answers.
//
// The rules are written from docs/marketplaces.md and share no code with probes/marketplace, so
// that a mistake in one does not hide in the other. Where a vendor publishes no limit there is
// none until WithLimit sets one.
//
// It is for tests, without network. Start at New.
package marketplace
