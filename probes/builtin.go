package probes

// Builtin gives the table of the kinds of checks. A new kind is one file and one line here.
func Builtin() map[string]Kind {
	return map[string]Kind{
		"heartbeat":  heartbeatKind(),
		"http":       httpKind(),
		"order_push": orderPushKind(),
		"promql":     promqlKind(),
		"quota":      quotaKind(),
	}
}
