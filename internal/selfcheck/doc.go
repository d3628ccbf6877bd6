// Package selfcheck watches the guardian itself: it measures whether looks, rules, notices, the
// journal, the disk and the clock are as they should be, tells people of faults on a way that does
// not depend on what failed, and sends a heartbeat to an outside service only while all is well.
//
// What is a fault is decided in package decide. A Meter measures little itself: most of it is asked
// of those who know. A Teller chooses the way of a notice. Start at Checker.
package selfcheck
