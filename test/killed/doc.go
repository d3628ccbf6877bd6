// Package killed kills a guardian with SIGKILL at every point of a run, found by enumeration: after each
// record of the run in the journal, and after each step before its outcome is recorded. It has tests only:
// start at TestKilledAtEveryPointOfARun_Plain.
package killed
