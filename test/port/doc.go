// Package port reserves ports for servers that tests start with a fixed port number, so that the
// port is free at the first start and at each restart. Start at port.go.
package port
