// Package series stores samples in an embedded Prometheus TSDB and evaluates PromQL over them.
//
// References of known series are cached, so that appending to them needs no lookup by labels.
// The last values of slow checks are appended again each minute ("restamped"), so that queries
// still find them; an Unknown look and the removal of a check write stale markers. The package
// decides nothing. Start at DB.
package series
