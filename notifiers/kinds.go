package notifiers

// Kinds lists what notices about other things than alerts may be about, with what may have happened to it:
// the values of the labels notice and notice_event.
func Kinds() map[string][]string {
	return map[string][]string{
		"watch":       {"passed", "failed", "inconclusive", "superseded", "cancelled", "gate_closed"},
		"run":         {"waiting", "awaiting_approval", "running", "verifying", "cured", "not_cured", "worse", "failed", "rejected", "expired", "refused", "step_failed", "outcome_unknown", "escalated", "worsened"},
		"blind":       {"began", "ended"},
		"guardian":    {"sight_lost", "sight_regained", "took_over", "hand_over", "fault", "fault_over", "gap_ahead", "gap", "path_cut", "path_back"},
		"delivery":    {"given_up", "quota_used"},
		"order":       {"left"},
		"flag":        {"set", "reset", "expired", "dropped"},
		"drill":       {"passed", "slow", "failed"},
		"test":        {"test"},
		"maintenance": {"announced", "ended"},
		"freeze":      {"announced", "ended"},
		"hold":        {"announced", "ended"},
	}
}
