// Package marketplace is ten marketplaces as servers that keep their vendors' rules: signatures,
// clocks, tokens that expire, token buckets and daily quotas, the headers and bodies that tell
// of them, orders, and the pushes that tell a seller of an order. AmazonCases are those that
// Amazon's sandbox answers.
//
// The rules are written from docs/marketplaces.md and know nothing of probes/marketplace, so
// that both cannot be wrong together. Where a vendor publishes no number there is no limit
// until WithLimit sets one.
//
// It is for tests, without network. Start at New.
package marketplace
