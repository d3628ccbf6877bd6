// Package server is the HTTP edge: the API, the pages, health and metrics.
//
// Handlers are functions of narrow readers and verbs that the package declares; errors are
// RFC 9457 problems that say what to do. It decides nothing and opens no database.
// Start at routes.go.
package server
