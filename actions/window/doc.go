// Package window holds two kinds of steps: freeze closes the gate of a service for a time, and
// maintenance announces that what checks see of it is expected. Both write an announced window into
// the journal, and neither changes the service.
package window
