// Package marketplace knows what the APIs of ten marketplaces are like, as values.
//
// A Platform tells how a request and a push are signed and verified, what an answer means,
// what it says of the quota, how an order's push looks and what answer to it counts, which
// operations have which rate, and which read is safe to repeat. Beside the platforms the
// package reads the headers that are nobody's own: RateLimit, X-RateLimit-*, Retry-After,
// Deprecation and Sunset.
//
// It is pure: bytes and a time in, facts out. What is malformed is ignored, never guessed,
// and a number that a platform does not tell is not made up. It opens no connection, keeps
// no counts, renews no token (most refresh tokens work once, and renewing one locks the
// shop's own systems out) and does not decide what is too much (probes).
//
// Start at Platforms; a new platform is one file and one line there. docs/marketplaces.md
// has the facts and where they come from.
package marketplace
