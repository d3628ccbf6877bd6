// Package replay runs the rules, the judge and the routes of a configuration over recorded
// samples and deploys, and compares what comes of it with what really happened.
//
// The world that it replays is the recorded one: a rollback that would have been does not
// change what the checks saw after it. It evaluates rules by range queries over stretches of
// time and steps their alerts only where an answer changes; the steps themselves are those
// of packages rules, watch, actions and route, so that a replay means what a guardian does.
//
// It writes nothing, tells nobody and acts on nothing. Start at Run.
package replay
