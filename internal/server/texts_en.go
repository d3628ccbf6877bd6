package server

// english is every text of the pages in English. texts_zh.go has the same keys.
func english() map[string]string {
	return map[string]string{
		"lang": "en", "lang.other": "中文", "lang.other.code": "zh",
		"just_now": "just now", "ago": "%s ago", "in": "in %s",
		"unit.d": "%d d", "unit.h": "%d h", "unit.min": "%d min", "unit.s": "%d s", "unit.ms": "%d ms", "unit.seconds": "s",
		"skip": "Skip to the content", "stale": "The guardian does not answer: this is what was known last.", "menu": "Pages",
		"none":      "None.",
		"odds.none": "no sign of harm", "odds.some": "by chance at most once in %s", "odds.most": "by chance less than once in a billion",

		"nav.overview": "Overview", "nav.alerts": "Alerts", "nav.journal": "Journal", "nav.drills": "Drills", "nav.sla": "Report",
		"nav.logout":  "Log out",
		"role.active": "active", "role.standby": "standby", "role.starting": "starting",
		"foot.version": "Guardian %s", "foot.as": "%s (%s)", "foot.zone": "Times in %s",
		"warn.config":  "The last reload failed; the configuration from before is running: %s",
		"warn.storage": "The journal cannot be written: %s", "warn.given_up": "%d notices could not be delivered in the last day.",
		"warn.queued": "%d notices wait to be delivered, the oldest since %s.", "warn.standby": "This guardian stands by. %s acts.",
		"warn.starting": "The guardian is starting: %s", "another": "Another guardian",

		"health.up": "up", "health.down": "down", "health.unknown": "unknown",
		"watch.watching": "watching", "watch.passed": "passed", "watch.failed": "failed", "watch.inconclusive": "inconclusive",
		"watch.superseded": "superseded", "watch.cancelled": "cancelled", "watch.unwatched": "not watched",
		"mode.auto": "rolls back by itself", "mode.approve": "asks before it rolls back", "mode.observe": "observes only",
		"run.awaiting_approval": "waiting for a person", "run.running": "running", "run.verifying": "verifying the cure", "run.cured": "cured",
		"run.not_cured": "not cured", "run.worse": "worse", "run.failed": "failed", "run.rejected": "rejected", "run.expired": "expired",
		"run.refused":  "refused",
		"step.pending": "to do", "step.intent": "under way", "step.done": "done", "step.failed": "failed", "step.unknown": "not known", "step.skipped": "skipped",
		"trigger.verdict": "a failed watch", "trigger.alert": "an alert", "trigger.person": "a person", "trigger.drill": "a drill",
		"alert.pending": "pending", "alert.firing": "firing", "alert.resolved": "resolved",
		"tier.critical": "critical", "tier.warning": "warning", "tier.info": "info",
		"kind.code": "code", "kind.config": "configuration", "kind.operation": "operation",
		"decision.approve": "approved", "decision.reject": "rejected", "decision.done": "says it happened", "decision.repeat": "says do it again",
		"decision.abort": "aborted",

		"over.title": "Overview", "over.all_up": "All %d services are up", "over.one_up": "%s is up", "over.down": "%d of %d services down: %s",
		"over.unknown": "%d of %d services cannot be seen: %s", "over.none": "No services are configured",
		"over.none.help": "Add services and checks to guardian.yaml, then reload.",
		"over.quiet":     "No alert fires, no deploy is being watched, and nobody has to answer anything.",
		"over.asks":      "Waiting for you", "over.firing": "Firing alerts", "over.watching": "Deploys being watched", "over.running": "Runs under way",
		"over.services": "Services", "over.blind": "%d of %d checks cannot look: %s", "over.checks_seen": "%d checks look from outside.", "over.checks_one": "One check looks from outside.",
		"over.version": "Version", "over.state": "State", "over.service": "Service", "over.checks": "Checks", "over.month": "This month", "over.gate": "Gate",
		"over.budget_left": "%s of the error budget left", "over.budget_over": "error budget overspent by %s",
		"count.up": "%d up", "count.down": "%d down", "count.unknown": "%d unknown", "over.since_ago": "Since",

		"gate.open": "open", "gate.closed": "closed", "gate.until": "until %s",

		"ask.title": "Roll %s back from %s to %s?", "ask.title_other": "Run %s for %s?", "ask.doubt": "Did the step “%s” of %s happen?",
		"ask.expires": "Nobody's answer counts after %s.", "ask.review": "Look first", "ask.approve": "Approve", "ask.reject": "Reject",
		"ask.done": "It happened", "ask.repeat": "Do it again", "ask.abort": "Stop the run", "ask.note": "Note (optional)",
		"ask.role": "Your token may not answer: this needs the role approver.", "ask.confirm_abort": "Stopping leaves the world as it is now.",

		"svc.title": "Service %s", "svc.checks": "Checks", "svc.check": "Check", "svc.last": "Last look", "svc.took": "Took", "svc.every": "Every",
		"svc.never": "not looked yet", "svc.deploys": "Deploys", "svc.runs": "Runs", "svc.no_deploys": "No deploy was announced yet.",
		"svc.no_runs": "Nothing was run for this service yet.", "svc.known_good": "Known good", "svc.no_known_good": "No version is known to be good: the guardian has nowhere to go back to.",
		"svc.rollback": "Put a version back", "svc.rollback_to": "Version", "svc.rollback_reason": "Why", "svc.rollback_do": "Roll back", "svc.newest_good": "newest known good",
		"svc.mode": "When a watch fails", "svc.availability": "Availability this month",
		"svc.looks": "The last three hours", "svc.no_checks": "This service has no checks: it cannot be watched.", "svc.report": "Report of this month",

		"watch.title": "Watch of %s %s", "watch.page": "Watch", "watch.was": "was %s", "watch.deploy": "Deploy", "watch.version": "Version", "watch.author": "By",
		"watch.ticket": "Ticket", "watch.link": "Link", "watch.shops": "Shops", "watch.all_shops": "all", "watch.kind": "Kind", "watch.started": "Began",
		"watch.deadline": "Ends", "watch.ended": "Ended", "watch.mode": "If it fails", "watch.alpha": "Chance of a false rollback", "watch.alpha_n": "at most %s",
		"watch.by_rule":   "This verdict rests on a rule, outside the statistical guarantee.",
		"watch.guarantee": "The chance holds for the failure rate that was allowed; an outage elsewhere that falls into the watch is not told apart.",
		"watch.evidence":  "Evidence", "watch.no_evidence": "Nothing was seen yet.", "watch.check": "Check", "watch.before": "Before", "watch.after": "Since the deploy",
		"watch.weighs": "What it says", "watch.failed_of": "%d of %d failed", "watch.no_looks": "no looks", "watch.unknown_n": "%d could not look",
		"watch.alert_fired": "the alert fired", "watch.excused": "does not count: %s", "watch.cause": "decisive", "watch.fault_since": "failing since %s",
		"watch.timeline": "What happened", "watch.rollback": "Rollback", "watch.cancel": "Stop watching", "watch.cancel.help": "No verdict, no rollback.",
		"watch.blind": "Cannot look now: %s", "watch.left": "%s left", "watch.progress": "%d of 100 of the time is over",
		"watch.not_reversible": "This deploy was announced as not reversible: it is not rolled back.",

		"line.announced": "%s announced", "line.switch": "%s deployed", "line.fault": "first failure of %s", "line.verdict": "verdict: %s",
		"line.run": "rollback to %s", "line.asked": "a person was asked", "line.answered": "%s: %s", "line.ended": "rollback: %s", "line.deadline": "the watch ends",
		"line.watch": "watch began",

		"chart.label": "What the checks saw", "chart.row": "%s: %d looks, %d down, %d unknown.", "chart.up": "up (higher is slower)", "chart.down": "down",
		"chart.unknown": "could not look", "chart.empty": "Nothing was looked at in this time.", "chart.none": "no looks",

		"run.title_back": "Rollback of %s", "run.title_other": "%s for %s", "run.page": "Run", "run.runbook": "Runbook", "run.trigger": "Because of", "run.from": "From",
		"run.to": "To", "run.created": "Asked for", "run.started": "Began", "run.ended": "Ended", "run.took": "Took", "run.steps": "Steps",
		"run.no_steps": "Nothing was done.", "run.intent": "Intent", "run.attempt": "attempt %d", "run.output": "Output", "run.resolved": "settled by %s",
		"run.verification": "Proof", "run.verification.help": "After the last step the checks are looked at again.", "run.check": "Check", "run.health": "Now", "run.looks": "Looks",
		"run.reason": "Reason", "run.ledger": "Ledger", "run.answers": "Answers", "run.who": "Who", "run.when": "When", "run.what": "What", "run.detail": "Detail",
		"run.failing": "Must be cured", "run.watch": "Watch", "run.alert": "Alert", "run.abort": "Stop the run", "run.about": "run", "run.step": "step %d",

		"ledger.created": "created", "ledger.intent": "intends", "ledger.outcome": "outcome", "ledger.asked": "asks", "ledger.answered": "answer",
		"ledger.resolved": "settled", "ledger.verified": "verified", "ledger.ended": "ended",

		"alerts.title": "Alerts", "alerts.open": "Open", "alerts.resolved": "Resolved in the last day", "alerts.none": "No alert is pending or firing.",
		"alerts.ack": "I am on it", "alerts.acked": "%s is on it", "alerts.unack": "I am not", "alerts.silence": "Silence", "alerts.silenced": "silenced",
		"alerts.for": "For", "alerts.why": "Why", "alerts.silences": "Silences", "alerts.no_silences": "Nothing is silenced.", "alerts.expire": "End it",
		"alerts.matchers": "Matches", "alerts.until": "Until", "alerts.by": "By", "alerts.comment": "Why", "alerts.new_silence": "New silence",
		"alerts.matchers.help": "One label matcher in each line; all must match. Example: service=\"order-sync\"", "alerts.value": "value",
		"alerts.expr": "Condition", "alerts.runbook": "Runbook", "alerts.run": "Run", "alerts.coming": "from %s",

		"journal.title": "Journal", "journal.help": "Everything that happened, newest first.", "journal.older": "Older", "journal.newest": "Newest",
		"journal.none": "Nothing happened yet.", "journal.service": "Service", "journal.all": "all", "journal.show": "Show",

		"what.deploy": "deploy", "what.verdict": "verdict", "what.watch": "watch", "what.ack": "acknowledged", "what.unack": "acknowledgement taken back",
		"what.silence": "silence", "what.unsilence": "silence ended", "what.alert": "alert", "what.rollback": "rollback", "what.reload": "reload",
		"what.run_created": "run: asked for", "what.run_intent": "run: intends a step", "what.run_outcome": "run: outcome of a step", "what.run_asked": "run: asks a person", "what.run_answered": "run: answered", "what.run_resolved": "run: settled", "what.run_verified": "run: verified", "what.run_ended": "run: ended",
		"what.approve": "approved", "what.reject": "rejected", "what.abort": "aborted", "what.cancel": "cancelled",

		"drills.title": "Drills", "drills.help": "Rehearsals of runbooks against a place that is not production.", "drills.none": "No drill was run yet.",
		"drills.took": "Took", "drills.state": "Result", "drills.runbook": "Runbook",

		"sla.title": "Report %s", "sla.running": "The month is running: figures until %s.", "sla.service": "Service", "sla.all": "all services",
		"sla.show": "Show", "sla.json": "JSON", "sla.csv": "CSV", "sla.overall": "All services together", "sla.availability": "Availability",
		"sla.availability_all": "Counting maintenance: %s", "sla.objective": "promised %s", "sla.met": "kept", "sla.not_met": "broken", "sla.met_unknown": "not known",
		"sla.budget": "Error budget left", "sla.budget_of": "%s of %s spent", "sla.cfr": "Change failure rate",
		"sla.cfr_of": "%d of %d deploys failed", "sla.detect": "Time to detect", "sla.recover": "Time to recover", "sla.median": "median of %d; 9 in 10 within %s",
		"sla.no_cases": "no case", "sla.rollbacks": "Rollbacks", "sla.rollbacks_of": "%d cured, %d not, %d failed", "sla.times": "Where the time went",
		"sla.up": "up", "sla.down": "down", "sla.blind": "blind", "sla.maintenance": "maintenance", "sla.days": "Day by day", "sla.downtimes": "Downtimes",
		"sla.no_downtimes": "No downtime.", "sla.from": "From", "sla.length": "Length", "sla.cause": "Cause", "sla.led": "Led to", "sla.open": "still down",
		"sla.deploys": "Deploys", "sla.windows": "Maintenance", "sla.late": "announced late, counts from %s", "sla.name": "Name", "sla.to": "To",
		"sla.taken_out": "Downtime inside", "sla.unknown": "not known", "sla.made_of": "How each figure is made", "sla.none": "No services are configured.",
		"sla.day": "%s: %s up, %s down, %s blind, %s maintenance", "sla.from_deploy": "began in the watch of a deploy", "sla.rollback": "rollback",
		"sla.strip": "Availability of each day", "sla.legend": "bar: whole day up; notch from above: down; dashed: blind; outlined: maintenance", "sla.check_table": "Checks",
		"sla.began": "began %s, before this month",

		"login.title": "Log in", "login.token": "Token", "login.do": "Log in", "login.wrong": "This token is unknown or revoked.",
		"login.help": "Paste a token. An administrator makes one with: guardian token create", "login.free": "No tokens are configured: no login is needed.",
		"login.moment": "One moment…",

		"error.title": "That did not work", "error.back": "Back to the overview", "error.404": "There is nothing here.", "error.403": "You may not do this.",
		"error.500": "Something broke inside the guardian; its log says more.", "error.503": "The guardian cannot do this at the moment.", "error.409": "This cannot be done now.",
		"error.422": "Something in the form is not right.", "error.400": "The request could not be read.",

		"done.ack": "Noted: you are on it.", "done.unack": "Noted: you are no longer on it.", "done.silence": "Silenced.", "done.expire": "The silence ended.",
		"done.approve": "Approved.", "done.reject": "Rejected.", "done.done": "Noted: the step happened.", "done.repeat": "The step is done again.",
		"done.abort": "The run is stopped.", "done.cancel": "The watch was ended.", "done.rollback": "The rollback was asked for.",
	}
}
