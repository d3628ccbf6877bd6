// Package checksum keeps the SHA-256 of a file in a sidecar beside it, FILE.sha256, as sha256sum writes
// and checks it. Start at Of.
package checksum
