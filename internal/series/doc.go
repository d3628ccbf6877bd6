// Package series keeps samples as Prometheus time series in an embedded TSDB and answers
// PromQL over them.
//
// Ingest finds the series by a cached reference (fastcache), so that a known series costs
// no label work. The last values of slow checks are stamped again each minute; Unknown and
// the end of a check write stale markers. It decides nothing. Start at DB.
package series
