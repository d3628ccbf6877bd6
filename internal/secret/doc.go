// Package secret has the type of configured secrets, and redacts them from text.
//
// A Secret prints as "<secret>" with every verb, encoder and logger; only Reveal returns its
// text. A Redactor knows all secrets of the running configuration and replaces them in text
// from elsewhere: an HTTP library's error, a command's output, a vendor's answer.
//
// It does not read secrets from files or the environment: that is internal/config. Every
// package may import it. Start at Secret.
package secret
