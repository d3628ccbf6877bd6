// Package secret holds the type of every configured secret and the one place that redacts.
//
// A Secret prints as "<secret>" through every verb, encoder and logger; only Reveal gives
// its text, at the one line that needs it. A Redactor knows every secret of the running
// configuration and takes them out of text that came from elsewhere (an HTTP library's
// error, a command's output, a vendor's answer).
//
// It will not fetch secrets: that is internal/config. Any package may import it.
// Start at Secret.
package secret
