// Package marketplace knows what marketplaces say about quota in their answers' headers.
//
// It is pure: headers in, facts out. It reads the IETF RateLimit fields in the current and
// the older syntax, X-RateLimit-*, used/size pairs and the vendors' own names, and
// Retry-After in every form that is seen. What is malformed is ignored, never guessed.
// It will not look at bodies, keep counts or decide what is too much (probes).
// Start at Quotas.
package marketplace
