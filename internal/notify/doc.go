// Package notify puts notices into the transactions that they belong to: for each receiver that
// the routes choose, in its language, unless a silence, a maintenance or a route's time
// intervals suppress it. It keeps the silences and acknowledgements of people up to date.
//
// Who is notified is decided in package decide, what a notice says in internal/announce, and
// notifiers sends it. Start at Notifier.
package notify
