package announce

import (
	"guardian/actions"
	"guardian/watch"
)

// texts is one language. What stands in braces is filled in by fill; english and chinese
// have the same names in the same texts, which a test keeps.
type texts struct {
	colon, comma, list string
	tiers              map[string]string

	// names of facts
	value, condition, since, shop, shops, check, rule, lastDeploy, deploy, service            string
	reason, problem, output, looks, blindChecks, failing, certainty, risk, until, quorum      string
	question, trigger, verification, stepList, asked, took, acting, before, strength, created string
	order, orderRef                                                                           string

	// links
	linkAlerts, linkSource, linkManual, linkDashboard, linkService, linkWatch, linkRun, linkDeploy, linkOverview string
	labels, linkAck, linkSilence                                                                                 string

	deployVersion, deployInstead, deployBy, deployAt string

	alertFiring, alertFiringText, alertRepeat, alertRepeatText, alertResolved, alertResolvedText string
	alertFlapping, alertFlappingText, sentBecause, oneAlert, manyAlerts                          string
	groupFiring, groupRepeat, groupBoth, groupResolved                                           string
	groupLine, groupFlapping, groupEnded, groupMore                                              string

	failedAuto, failedApprove, failedObserve, failedAlone, failedWaits, waitsText, waitsAsks          string
	autoText, approveText, approveUntil                                                               string
	observeWould, observeRefused, observeNothing, noRunbook, noKnownGood                              string
	modeReason, doubt, byRule, byJudge, strengthOf, billion                                           string
	evidence, evidenceNew, evidenceSlow, evidenceCounted, evidenceAlert, overlaps, sinceWhen, looksOf string
	evidenceNumber                                                                                    string
	undoAuto, undoApprove, undoWaits, undoAutoText, undoApproveText, undoUntil, undoWould, noUndo     string
	passedOperation, runUndo                                                                          string
	passed, passedText, inconclusive, inconclusiveText, inconclusiveGood, inconclusiveOperation       string
	watching, supersededAsks, overlapMore                                                             string
	supersededBy                                                                                      map[watch.Kind]string
	superseded, supersededText, takenBackText, cancelled, cancelledText                               string
	happened, unsure                                                                                  string
	gateClosed, gateClosedText, gateWas, stepAskGate                                                  string

	runBack, runBackTo, runBackFrom, runBackAlone, runUndoLast            string
	runOther, runAlone, runDrill                                          string
	runUnknown, runAsks, runWaits, runStarted, runVerifying, runCured     [2]string // title, text
	runNotCured, runNotCuredOther, runWorse, runFailed, runRejected       [2]string
	runExpired, runSets, runSet, runDropped                               [2]string
	runStartedWell, runDone, runDoneUnverified, runUnseen                 [2]string
	runRefused, passedUnsure                                              [2]string
	untilExpires, untilApproves, quorumOf, guardUntil, oneStep, manySteps string
	untilEscalates, askedNext, worsened, worsenedText                     string
	stepFailed, stepFailedText, stepFailedFalls, stepFailedOn             string
	triggers                                                              map[actions.TriggerKind]string
	steps                                                                 map[actions.StepState]string
	healths                                                               map[string]string
	symptoms                                                              map[actions.SymptomKind]map[string]string
	stepsUnknown, stepsCured, stepsUndone, stepsNotCured, stepsWorse      []string
	stepsFailed, stepsFailedOther, stepsNotCuredOther, stepsWorseOther    []string
	stepsUnseen, stepsWorseUndo                                           []string
	undoNotCured, undoWorse, undoFailed                                   []string
	stepUndo, stepUndoByHand, stepUndone                                  string
	stepsBlind, stepsAllBlind, stepsOrder                                 []string
	stepSuspect, stepSuspectUnderWay, stepSuspectAsks                     string
	stepSuspectRolledBack, stepSuspectPutBack, stepSuspectFixed           string
	stepManual, stepAck, stepLookYourself, stepPutBackFails               string
	stepDeclareGood, stepRollBack, stepByHand, stepWait, stepAbort        string
	stepRolledBack, stepOutdated, stepOtherRun, stepActByHand             string
	stepOtherVersion, stepIrreversible, stepAnyway, undoAnyway            string
	brakeTitle, brakeText, stepShared, stepApproveEach                    string
	stepPrecondition                                                      string
	stepApprove, stepReject, stepReceiver, stepTookOver                   string

	blindBegan, blindBeganText, blindEnded, blindEndedText  string
	allBlind, allBlindText, allSee, allSeeText              string
	pathCut, pathCutText, pathBack, pathBackText            string
	outOfSight                                              string // services of which no check can look
	quotaUsed, quotaUsedText, stepQuota                     string
	givenUp, givenUpText, tookOver, tookOverText, orderLeft string
	orderLeftText, test, testText                           string

	faults                                      map[string]string // by decide.Fault.Name
	fault, faultText, faultOver, faultOverText  string
	faultOutside                                string // of a fault that is not the guardian's own
	gapAhead, gapBegan, gapText, gapFrom, gapTo string

	flagSet, flagSetText, flagReset, flagResetText, flagExpired, flagExpiredText, flagDropped, flagDroppedText string
	flagMeaning, flagOwner, flagBy, linkFlags                                                                  string
	freezeBegun, freezeText, freezeEnded, freezeEndedText                                                      string
	maintenanceBegun, maintenanceText, maintenanceEnded, maintenanceEndedText                                  string
	holdBegun, holdText, holdEnded, holdEndedText                                                              string
	drillPassed, drillSlow, drillFailed, drillBroken                                                           [2]string
	drillReaction, drillCure, drillBy, drillSchedule, stepRestore, linkDrill, drillOf                          string
	windowBy, allServices, linkWindows                                                                         string

	linkOnCall              string
	stepsGap, stepsHandOver []string
	stepsFault              map[string][]string // by decide.Fault.Name

	escalated, escalatedFirst, escalatedText, escalatedUnmanned, escalation, notified         string
	chatOpen, chatNoSchedule, chatNobody, chatUntil, chatAcked, chatSilenced, chatAckedBefore string // answers to commands
	chatNone, chatSeveral, chatHelp, chatElsewhere                                            string

	handOver, handOverText, handOverForever, handOverFrom, handOverQuiet, handOverOpen, handOverAck string
}

// ofOperation gives the texts with those of a failed operation: it is undone, and no version is put
// back.
func (x texts) ofOperation() texts {
	x.failedAuto, x.failedApprove, x.failedWaits = x.undoAuto, x.undoApprove, x.undoWaits
	x.autoText, x.approveText, x.approveUntil = x.undoAutoText, x.undoApproveText, x.undoUntil
	x.observeWould, x.noRunbook, x.observeNothing = x.undoWould, x.noUndo, x.noUndo
	x.stepsCured, x.stepsNotCured, x.stepsWorse, x.stepsFailed = x.stepsUndone, x.undoNotCured, x.undoWorse, x.undoFailed
	x.stepRollBack, x.stepByHand, x.stepRolledBack = x.stepUndo, x.stepUndoByHand, x.stepUndone
	x.stepAnyway, x.stepIrreversible = x.undoAnyway, x.undoAnyway
	return x
}

func (x texts) tier(tier string) string {
	if s := x.tiers[tier]; s != "" {
		return s
	}
	return tier
}
