// Package drift compares what runs with what should.
//
// The nouns: a part is one thing of a step's target, such as a service of a compose project; a sight is
// the parts as they are now; a sighting is a sight that was recorded with the version that was in place.
// The way of the data: a check of kind drift looks on its schedule, and when a watch has its verdict. The
// journal says which version should run, and whether anything is under way (decide.Decider.InPlace). The
// steps of the service's rollback that can tell say what runs, and whether that is the version
// (actions.Sighted). What differs becomes the series drift, of which a rule makes an alert; what fits is
// recorded, once for each time that a version is put in place, for steps that no template tells what ran.
//
// The failures: during a watch, a run or a maintenance, after a run that was left half done, and while a
// target does not answer the check is unknown, so that nothing fires and nothing resolves. What was not
// seen is not recorded, and a step that needs it refuses. It changes no target. Start at Comparer.Compare.
package drift
