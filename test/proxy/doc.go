// Package proxy is a TCP proxy between a guardian and what it talks to, which a test can cut.
// Start at New.
package proxy
