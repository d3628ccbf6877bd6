// Package server is the HTTP edge: the API, the pages, health and metrics.
//
// Each handler is a function of the small interface that it uses, declared beside it; what those
// promise is in package servertest. Errors are RFC 9457 problems with a hint what to do. It
// decides nothing and opens no database. A Port binds an address and serves a Server on it. Start at
// routes.go and Backend.
package server
