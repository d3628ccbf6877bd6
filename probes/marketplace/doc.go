// Package marketplace describes the APIs of ten marketplaces.
//
// A Platform knows how requests and pushes are signed and verified, what an answer means and what
// it says about the quota, what an order's push contains and which answers to it are accepted, the
// rates of operations, and which read is safe to repeat. The package also reads the headers that
// many services use: RateLimit, X-RateLimit-*, Retry-After, Deprecation and Sunset.
//
// It is pure: its input are bytes and a time. Malformed input is ignored and not guessed at, and
// numbers that a platform does not tell are left out. It opens no connection, does not renew tokens
// (most refresh tokens work once, and renewing one locks out the shop's own systems) and does not
// judge (probes). Limiter and Meter keep account of quotas for internal/quota.
//
// Start at Platforms; a new platform is one file and one line there. docs/marketplaces.md
// has the facts and where they come from.
package marketplace
