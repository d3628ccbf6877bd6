// Package replay measures how long `guardian replay` takes over 30 days of 200 checks that
// are looked at every 15 seconds, with 50 rules that are evaluated each minute, and writes
// such a data set. It has a benchmark only: make bench-replay. The data set is kept in
// GUARDIAN_BENCH_DATA, or for as long as the benchmark lasts.
package replay
