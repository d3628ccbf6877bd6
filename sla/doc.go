// Package sla computes the monthly availability report from facts of the journal.
//
// Build is a pure function of Facts and a month. Blind time counts neither as up nor as down;
// it is reported separately, and so is announced maintenance. A Tracker turns samples into the
// intervals that Build reads. The package does no queries, rendering or storage. Start at Build.
package sla
