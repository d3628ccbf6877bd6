// Package watches measures a whole guardian that has 10,000 open watches, each fed one result
// a second: the processor time that it takes, its memory, and how long a sample waits for its
// judgement. It has a benchmark only: `make bench-watches`.
package watches
