// Package helm is the kind of step that rolls a Helm release back to the revision that carried the
// version, by the team's own helm program (Helm 3 or 4), and waits until it is done.
//
// What is true of a release is asked of helm each time (helm history -o json, helm get), and nothing is
// kept between two calls. A step goes back only while the newest revision is the version that is taken
// back; once helm has begun, the newest one is the version that was put back. So the same step begins no
// second rollback, and after a crash the history tells what became of it: a revision of that version that
// was made since the step began.
//
// A release that is pending is worked on by somebody, or was left so by a helm that was killed, which the
// history does not tell apart: it is refused. The one exception is a rollback to the very version that is
// older than any helm of this step lives: the same manifest is applied once more.
//
// It decides no version: that is in the call. Helm's library is not used, see docs/dependencies.md.
// Start at step.Do; the choice of the revision is step.decide.
package helm
